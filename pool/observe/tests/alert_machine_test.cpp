// The reporter's rules on given events: when it speaks up, when it keeps silent, when it is over.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <deque>

#include "pool/observe/alert_machine.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool::observe {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Stage {
 public:
  explicit Stage(const AlertRules& rules = {}) : machine(rules) {}
  // As many requests now, each with that code; what was told.
  std::vector<std::string> resolve(int count, ErrorCode code = ErrorCode::none) {
    std::vector<std::string> messages;
    for (int i = 0; i < count; ++i) {
      PoolEvent event;
      event.what = "request_resolved";
      event.at = AlertMachine::TimePoint{now};
      event.code = code;
      for (const Alert& alert : machine.feed(event)) messages.push_back(alert.message);
    }
    return messages;
  }
  std::vector<std::string> circuit(const std::string& name, bool open) {
    std::vector<std::string> messages;
    for (const Alert& alert : machine.circuit(AlertMachine::TimePoint{now}, name, open)) {
      messages.push_back(alert.message);
    }
    return messages;
  }
  std::chrono::nanoseconds now{1h};
  AlertMachine machine;
};

PoolEvent breaker_event(std::string_view what, std::string_view to) {
  PoolEvent event;
  event.what = what;
  event.at = AlertMachine::TimePoint{1h};
  event.breaker = "predict";
  event.to = to;
  return event;
}

TEST(AlertMachine, HearsOfBreakersUntilTheyAreClosed) {
  cites(48);
  Stage stage;
  const auto told = [&](std::string_view what, std::string_view to) {
    std::vector<std::string> messages;
    for (const Alert& alert : stage.machine.feed(breaker_event(what, to))) {
      messages.push_back(std::string{level_of(alert)} + " " + alert.message);
    }
    return messages;
  };
  EXPECT_THAT(told("breaker_opened", "open"),
              ElementsAre("warning circuit breaker predict opened"));
  EXPECT_THAT(told("breaker_half_opened", "half_open"), IsEmpty()) << "not over yet";
  EXPECT_THAT(told("breaker_reopened", "open"), IsEmpty()) << "it was not over";
  EXPECT_THAT(told("breaker_half_opened", "half_open"), IsEmpty());
  EXPECT_EQ(stage.machine.stats().circuits_open, 1U);
  EXPECT_THAT(told("breaker_closed", "closed"),
              ElementsAre("recovered circuit breaker predict closed"));
  EXPECT_THAT(told("breaker_ordered", "forced_open"),
              ElementsAre("warning circuit breaker predict opened"));
  EXPECT_THAT(told("breaker_ordered", "disabled"),
              ElementsAre("recovered circuit breaker predict closed"));
  EXPECT_THAT(told("breaker_ordered", "observe"), IsEmpty());
  EXPECT_EQ(stage.machine.stats().circuits_open, 0U);
}

TEST(AlertMachine, SpeaksUpAtTheThresholdsAndWhenItIsOver) {
  Stage stage;
  EXPECT_THAT(stage.resolve(95), IsEmpty());
  EXPECT_THAT(stage.resolve(4, ErrorCode::worker_died), IsEmpty()) << "4 of 99";
  EXPECT_THAT(stage.resolve(1, ErrorCode::worker_died),
              ElementsAre("error rate 5.0 % (5 of 100 requests in 60 s) reached 5.0 %"));
  EXPECT_THAT(stage.resolve(6, ErrorCode::worker_died),
              ElementsAre("error rate 10.3 % (11 of 106 requests in 60 s) reached 10.0 %"));
  stage.now += 61s;
  EXPECT_THAT(stage.resolve(9), IsEmpty()) << "too few for a verdict";
  EXPECT_THAT(stage.resolve(1),
              ElementsAre("error rate 0.0 % (0 of 10 requests in 60 s) is below 5.0 %"));
}

TEST(AlertMachine, KeepsSilentOnFewRequests) {
  cites(48);
  Stage stage;
  EXPECT_THAT(stage.resolve(9, ErrorCode::worker_died), IsEmpty());
  EXPECT_EQ(stage.resolve(1, ErrorCode::worker_died).size(), 1U);
}

TEST(AlertMachine, CountsNeitherWhatTheCallerNorWhatAStopCalledOff) {
  Stage stage;
  EXPECT_THAT(stage.resolve(20, ErrorCode::cancelled), IsEmpty());
  EXPECT_THAT(stage.resolve(20, ErrorCode::stopped_in_flight), IsEmpty());
  EXPECT_EQ(stage.machine.stats().requests, 0U);
}

TEST(AlertMachine, RepeatsAKindOnlyAfterItsCooldown) {
  Stage stage;
  EXPECT_EQ(stage.resolve(10, ErrorCode::worker_died).size(), 1U);
  stage.now += 61s;
  EXPECT_EQ(stage.resolve(10).size(), 1U) << "recovered";
  stage.now += 61s;
  EXPECT_THAT(stage.resolve(10, ErrorCode::worker_died), IsEmpty());
  EXPECT_EQ(stage.machine.stats().suppressed, 1U);
  stage.now += 177s;  // 299 s after the first
  EXPECT_THAT(stage.resolve(10, ErrorCode::worker_died), IsEmpty());
  stage.now += 1s;
  EXPECT_EQ(stage.resolve(1, ErrorCode::worker_died).size(), 1U) << "still true: told at last";
}

TEST(AlertMachine, TellsOfEachCircuitAndOfMany) {
  Stage stage;
  EXPECT_THAT(stage.circuit("a", true), ElementsAre("circuit a opened"));
  EXPECT_THAT(stage.circuit("a", true), IsEmpty()) << "it is open already";
  EXPECT_THAT(stage.circuit("b", true), ElementsAre("circuit b opened"));
  EXPECT_THAT(stage.circuit("c", true), ElementsAre("circuit c opened", "3 circuits are open"));
  EXPECT_THAT(stage.circuit("c", false),
              ElementsAre("circuit c closed", "2 circuits are open, fewer than 3"));
  EXPECT_THAT(stage.circuit("c", false), IsEmpty());
}

TEST(AlertMachine, ItsHistoryIsBounded) {
  Stage stage;
  for (int i = 0; i < 60; ++i) stage.circuit("c" + std::to_string(i), true);
  EXPECT_EQ(stage.machine.history().size(), 50U);
  EXPECT_EQ(stage.machine.history().back().message, "circuit c59 opened");
}

// The window against a list of all events, at the granularity of buckets.
RC_GTEST_PROP(SlidingWindow, IsWhatAListOfAllEventsSays, ()) {
  constexpr std::int64_t width = 10;
  SlidingWindow window{std::chrono::nanoseconds{width * SlidingWindow::bucket_count}};
  std::vector<std::pair<std::int64_t, bool>> all;
  std::int64_t now = 0;
  const auto steps = *rc::gen::container<std::vector<std::pair<int, bool>>>(rc::gen::pair(
      rc::gen::weightedOneOf<int>({{8, rc::gen::inRange(0, 25)}, {1, rc::gen::inRange(0, 2000)}}),
      rc::gen::arbitrary<bool>()));
  for (const auto& [pause, error] : steps) {
    now += pause;
    window.add(std::chrono::nanoseconds{now}, error);
    all.emplace_back(now, error);
    std::uint64_t requests = 0;
    std::uint64_t errors = 0;
    for (const auto& [at, was_error] : all) {
      if (at / width <= now / width - SlidingWindow::bucket_count) continue;
      ++requests;
      errors += static_cast<std::uint64_t>(was_error);
    }
    RC_ASSERT(window.requests() == requests);
    RC_ASSERT(window.errors() == errors);
  }
}

}  // namespace
}  // namespace ordeal::pool::observe
