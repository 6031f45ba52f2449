// The reporter around its rules: destinations that work, throw, hang, and come to their end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <mutex>
#include <stdexcept>

#include "ordeal/pool/reporter.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::SizeIs;

constexpr std::chrono::minutes ample{10};  // never waited for by a test that passes

// What a destination was told; deliveries wait at the gate until it is opened.
class Mailbox {
 public:
  [[nodiscard]] AlertDestination destination(const std::string& name) {
    return {name, [this](const Alert& alert) {
              {
                const std::lock_guard lock{mutex_};
                told_.push_back(alert.message);
                if (told_.size() == 1) first_.set_value();
              }
              gate_.wait();
            }};
  }
  void open() { gate_opener_.set_value(); }
  void await_first() { first_told_.wait(); }
  [[nodiscard]] std::vector<std::string> told() const {
    const std::lock_guard lock{mutex_};
    return told_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> told_;
  std::promise<void> first_;
  std::future<void> first_told_ = first_.get_future();
  std::promise<void> gate_opener_;
  std::shared_future<void> gate_ = gate_opener_.get_future().share();
};

Reporter must_report(std::vector<AlertDestination> destinations, const AlertRules& rules = {}) {
  auto reporter = Reporter::start(rules, std::move(destinations));
  if (!reporter) throw std::runtime_error{reporter.error().message};
  return std::move(*reporter);
}

PoolEvent at(std::chrono::seconds when, std::string_view what) {
  PoolEvent event;
  event.what = what;
  event.at = std::chrono::steady_clock::time_point{when};
  return event;
}

// Opens and closes the start circuit: two alerts.
void trouble(const Sink& sink) {
  sink(at(1s, "start_circuit_opened"));
  sink(at(2s, "start_circuit_closed"));
}

TEST(Reporter, TellsEachDestinationInOrder) {
  Mailbox first;
  Mailbox second;
  first.open();
  second.open();
  Reporter reporter = must_report({first.destination("first"), second.destination("second")});
  trouble(reporter.sink());
  reporter.close(ample);
  EXPECT_THAT(first.told(), ElementsAre("circuit start opened", "circuit start closed"));
  EXPECT_EQ(second.told(), first.told());
  EXPECT_THAT(reporter.history(), ElementsAre(Field(&Alert::message, "circuit start opened"),
                                              Field(&Alert::message, "circuit start closed")));
  EXPECT_EQ(reporter.stats().alerts, 2U);
  EXPECT_THAT(reporter.stats().destinations,
              ElementsAre(Reporter::DestinationStats{"first", 2, 0, 0},
                          Reporter::DestinationStats{"second", 2, 0, 0}));
}

TEST(Reporter, ADestinationThatThrowsIsCountedAndHurtsNobody) {
  cites(48);
  Mailbox well;
  well.open();
  Reporter reporter = must_report({{"bad", [](const Alert&) { throw std::runtime_error{"no"}; }},
                                   {"worse",
                                    [](const Alert&) {
                                      throw 7;  // NOLINT: not even an exception
                                    }},
                                   well.destination("well")});
  trouble(reporter.sink());
  reporter.close(ample);
  EXPECT_THAT(well.told(), SizeIs(2));
  EXPECT_THAT(
      reporter.stats().destinations,
      ElementsAre(Reporter::DestinationStats{"bad", 0, 2, 0, "no"},
                  Reporter::DestinationStats{"worse", 0, 2, 0, "it threw something unknown"},
                  Reporter::DestinationStats{"well", 2, 0, 0}));
}

TEST(Reporter, ADestinationThatHangsDelaysNobodyAndWhatItMissesIsCounted) {
  cites(48);
  Mailbox hung;
  Mailbox well;
  well.open();
  Reporter reporter = must_report({hung.destination("hung"), well.destination("well")});
  const Sink sink = reporter.sink();
  sink(at(1s, "start_circuit_opened"));
  hung.await_first();  // one is with it; all that follow wait
  well.await_first();
  for (std::size_t i = 0; i < Reporter::queue_max; ++i) {
    reporter.send_test_alert();
  }
  sink(at(2s, "start_circuit_closed"));
  EXPECT_EQ(reporter.stats().destinations[0], (Reporter::DestinationStats{"hung", 0, 0, 1}));
  EXPECT_EQ(reporter.history().size(), 2U) << "the pool's side goes on";
  hung.open();
  reporter.close(ample);
  const auto after = reporter.stats().destinations;
  EXPECT_EQ(after[0], (Reporter::DestinationStats{"hung", Reporter::queue_max + 1, 0, 1}));
  EXPECT_EQ(after[1].delivered + after[1].dropped, Reporter::queue_max + 2);
}

TEST(Reporter, WhatWaitsWhenPatienceIsOverIsDropped) {
  Mailbox slow;
  Reporter reporter = must_report({slow.destination("slow")});
  reporter.send_test_alert();
  slow.await_first();
  reporter.send_test_alert();
  reporter.send_test_alert();
  auto closed = std::async(std::launch::async, [&] { reporter.close(0ms); });
  while (reporter.stats().destinations[0].dropped < 2) std::this_thread::yield();
  EXPECT_EQ(slow.told().size(), 1U);
  slow.open();  // what is being delivered is awaited
  closed.wait();
  EXPECT_THAT(reporter.stats().destinations,
              ElementsAre(Reporter::DestinationStats{"slow", 1, 0, 2}));
}

TEST(Reporter, AResetOfItsStatisticsHandsThemOutAndTakesNothingFromItsRules) {
  Reporter reporter = must_report({{"bad", [](const Alert&) { throw std::runtime_error{"no"}; }}});
  trouble(reporter.sink());
  reporter.sink()(at(3s, "start_circuit_opened"));
  reporter.close(ample);

  const Reporter::Stats before = reporter.reset_stats();
  EXPECT_EQ(before.alerts, 3U);
  EXPECT_THAT(before.destinations, ElementsAre(Reporter::DestinationStats{"bad", 0, 3, 0, "no"}));

  const Reporter::Stats after = reporter.stats();
  EXPECT_EQ(after.alerts, 0U);
  EXPECT_THAT(after.destinations, ElementsAre(Reporter::DestinationStats{"bad", 0, 0, 0, ""}));
  EXPECT_EQ(after.circuits_open, 1U) << "the circuit is open still";
  EXPECT_THAT(reporter.history(), SizeIs(3));
}

TEST(Reporter, ItsSinkOutlivesItAndThenTellsNobody) {
  Mailbox mailbox;
  mailbox.open();
  Sink sink;
  {
    const Reporter reporter = must_report({mailbox.destination("mailbox")});
    sink = reporter.sink();
  }
  trouble(sink);
  EXPECT_THAT(mailbox.told(), SizeIs(0));
}

TEST(Reporter, WrongRulesAndDestinationsAreRefused) {
  const auto rules = Reporter::start({.requests_min = 0}, {});
  ASSERT_FALSE(rules);
  EXPECT_EQ(rules.error().message,
            "alert rule requests_min: 0 is out of range, allowed 1 to 1000000");
  const auto empty = Reporter::start({}, {{"pager", nullptr}});
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().message, "alert destination pager: it has no function");
}

}  // namespace
}  // namespace ordeal::pool
