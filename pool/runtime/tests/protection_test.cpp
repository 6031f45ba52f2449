// Protection against overload, and leases that are held for long, with real workers. (Goodput after
// a pulse, in virtual time and without protection too: testing/sim/tests/overload_test.cpp.)
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <mutex>

#include "ordeal/pool/diagnosis.hpp"
#include "pool/runtime/tests/support.hpp"

namespace ordeal::pool {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// One worker that has something for long, one call that waits, and calls before it that took so
// long that the pool knows.
struct Crowd {
  explicit Crowd(const Options& options) : pool(must_start(options)) {
    EXPECT_TRUE(pool.call("sleep", Json{{"ms", 100}}, {.deadline = patience}));
    CallOptions waits{.deadline = patience, .stop_token = stop.get_token()};
    callers.emplace_back(pool, "hang", Json::object(), waits);
    EXPECT_TRUE(wait_until(pool, [](const Status& s) { return s.running == 1; }));
    callers.emplace_back(pool, "echo", Json::object(), waits);
    EXPECT_TRUE(wait_until(pool, [](const Status& s) { return s.queue_depth == 1; }));
  }
  ~Crowd() { stop.request_stop(); }
  std::stop_source stop;
  Pool pool;
  std::deque<Caller> callers;
};

Options crowd_options() {
  Options options = mock_options(1);
  options.quarantine_grace = 0ms;
  return options;
}

TEST(Protection, WhoWouldBeLateHearsOfItAtOnceWithAHint) {
  Options options = crowd_options();
  options.reject_late = true;
  Crowd crowd{options};
  const auto late = crowd.pool.call("echo", Json::object(), {.deadline = 150ms});
  ASSERT_EQ(code_of(late), ErrorCode::deadline_unreachable) << describe(late);
  EXPECT_EQ(late.error().attempts, 0U);
  EXPECT_TRUE(late.error().retryable());
  ASSERT_TRUE(late.error().retry_after);
  EXPECT_GT(*late.error().retry_after, 100ms) << "two turns of 100 ms and its own, less 150 ms";
  EXPECT_THAT(late.error().message, HasSubstr("behind the deadline"));
  EXPECT_EQ(crowd.pool.status().rejected, 1U);
}

TEST(Protection, WithoutTheOptionItWaitsForNothing) {
  Crowd crowd{crowd_options()};
  const auto late = crowd.pool.call("echo", Json::object(), {.deadline = 150ms});
  EXPECT_EQ(code_of(late), ErrorCode::queue_timeout) << describe(late);
}

TEST(LeaseLimit, TheWorkerHeldForLongIsReportedWithThePlaceThatTookIt) {
  Options options = mock_options(1);
  options.lease_limit = 20ms;
  Pool pool = must_start(options);
  std::mutex mutex;
  std::string place;
  Signal told;
  const auto subscription = pool.subscribe([&](const PoolEvent& event) {
    if (event.what != "lease_overdue") return;
    const std::lock_guard lock{mutex};
    place = event.place;
    told.set();
  });
  auto lease = pool.checkout({.deadline = patience});
  const std::string here = "protection_test.cpp:" + std::to_string(__LINE__ - 1);
  ASSERT_TRUE(lease);
  ASSERT_TRUE(told.wait());
  {
    const std::lock_guard lock{mutex};
    EXPECT_THAT(place, HasSubstr(here));
  }
  EXPECT_EQ(pool.status().leases_overdue, 1U);
  const Diagnosis seen = pool.diagnose();
  ASSERT_TRUE(seen.workers.at(0).request);
  EXPECT_THAT(seen.workers[0].request->place, HasSubstr(here));
  EXPECT_THAT(explain(seen), AllOf(HasSubstr("a lease taken at"), HasSubstr(here)));
  EXPECT_TRUE(lease->call("echo", Json::object(), {.deadline = patience}))
      << "it is not taken away";
}

}  // namespace
}  // namespace ordeal::pool
