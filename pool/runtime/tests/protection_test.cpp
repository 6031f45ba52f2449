// Protection against overload, and leases that are held for long, with real workers. (Goodput after
// a pulse, in virtual time and without protection too: testing/sim/tests/overload_test.cpp.)
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <mutex>
#include <utility>

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

Options bridge_options(std::uint32_t size) {
  Options options = script_options(size, TESTS_FOLDER "/stall_bridge.py");
  options.environment["PYTHON_MOCK"] = PYTHON_MOCK;
  return options;
}

// A call of each of so many callers at once; how many of them failed.
int failures_of(Pool& pool, int callers) {
  std::deque<Caller> calls;
  for (int i = 0; i < callers; ++i) {
    calls.emplace_back(pool, "fails_on", Json{{"worker", "1"}}, CallOptions{.deadline = patience});
  }
  int failed = 0;
  for (Caller& call : calls) failed += code_of(call.join()) == ErrorCode::application_error ? 1 : 0;
  return failed;
}

TEST(Outliers, AWorkerThatFailsWhileOthersDoNotGetsNoMoreWork) {
  Options options = bridge_options(3);
  options.outliers = {.interval = 50ms, .time = 60s, .time_max = 60s, .requests_min = 4};
  Pool pool = must_start(options);
  int failed = 0;
  for (int i = 0; i < 500 && pool.status().ejected == 0; ++i) failed += failures_of(pool, 6);
  ASSERT_EQ(pool.status().ejected, 1U);
  EXPECT_GT(failed, 0);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(failures_of(pool, 6), 0);
  for (const WorkerStatus& worker : pool.status().workers) {
    EXPECT_EQ(worker.ejected_for > 0s, worker.worker == 1);
  }
  EXPECT_EQ(pool.status().workers_lost, 0U) << "it is neither killed nor replaced";
}

TEST(Outliers, WithoutTheOptionItGoesOnFailing) {
  Pool pool = must_start(bridge_options(3));
  int failed = 0;
  for (int i = 0; i < 40; ++i) failed += failures_of(pool, 6);
  const int before = std::exchange(failed, 0);
  for (int i = 0; i < 40; ++i) failed += failures_of(pool, 6);
  EXPECT_GT(before, 0);
  EXPECT_GT(failed, 0);
}

TEST(AdaptiveLimit, WhoComesBeyondItHearsOfItAtOnce) {
  Options options = crowd_options();
  options.limit.max = 2;  // as many as are let in at first
  Crowd crowd{options};
  const auto refused = crowd.pool.call("echo", Json::object(), {.deadline = patience});
  ASSERT_EQ(code_of(refused), ErrorCode::concurrency_limited) << describe(refused);
  EXPECT_EQ(refused.error().attempts, 0U);
  EXPECT_EQ(crowd.pool.status().limit, 2U);
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
