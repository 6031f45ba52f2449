// Health checks with real workers: who hangs is found, who is busy is left alone.
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <csignal>

#include "pool/runtime/tests/support.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool {
namespace {

// The interval is the unit of these tests: short enough that one may wait for several. How long a
// worker may take to answer is another option.
constexpr milliseconds interval{60};

Options watched(std::uint32_t size) {
  Options options = mock_options(size);
  options.worker_kind = WorkerKind::enhanced;
  options.health_interval = interval;
  options.health_timeout = 2s;  // of a worker that is alive, on a loaded machine
  return options;
}

TEST(Health, IdleWorkersArePingedAndServeOn) {
  Pool pool = must_start(watched(2));
  const auto workers = serials(pool.status());
  EventsOf answered(pool, "health_probe_ended");
  ASSERT_TRUE(answered.reaches(4));
  EXPECT_EQ(answered.last_code(), ErrorCode::none);
  expect_whole(pool);
  EXPECT_EQ(serials(pool.status()), workers);
  EXPECT_EQ(pool.status().workers_lost, 0U);
}

TEST(Health, AnIdleWorkerThatStopsIsFoundAndReplaced) {
  cites_bug_class(10);
  Options options = watched(2);
  options.health_interval = 500ms;  // what is measured here must not be the machine's load
  options.health_timeout = 200ms;
  Pool pool = must_start(options);
  const WorkerStatus victim = pool.status().workers.front();
  EventsOf unhealthy(pool, "worker_unhealthy");
  const auto stopped_at = steady_clock::now();
  ASSERT_EQ(kill(victim.pid, SIGSTOP), 0);
  ASSERT_TRUE(unhealthy.reaches(1));
  const auto found_after = steady_clock::now() - stopped_at;
  EXPECT_TRUE(wait_until(pool, [&](const Status& status) {
    return is_whole(status) && !serials(status).contains(victim.worker);
  })) << describe(pool.status());
  EXPECT_LE(found_after, 2 * *options.health_interval + 300ms) << "and who tells of it is told";
  EXPECT_GE(pool.status().workers_lost, 1U);
  EXPECT_TRUE(echoes(pool));
}

TEST(Health, AWorkerInALongCallIsUntouched) {
  cites_bug_class(10);
  Pool pool = must_start(watched(2));
  EventsOf answered(pool, "health_probe_ended");
  // Busy until it is cancelled, and without a word on the side channel meanwhile.
  std::stop_source release;
  Caller busy(pool, "wait_cancel", Json{{"ms", 60'000}},
              {.deadline = patience, .stop_token = release.get_token()});
  ASSERT_TRUE(wait_until(pool, [](const Status& status) { return status.busy == 1; }));
  const auto workers = serials(pool.status());
  ASSERT_TRUE(answered.reaches(answered.count() + 6)) << "its neighbour is pinged, six times";
  const Status status = pool.status();
  EXPECT_EQ(status.busy, 1U);
  EXPECT_EQ(status.workers_lost, 0U);
  EXPECT_EQ(serials(status), workers);
  release.request_stop();
  EXPECT_EQ(code_of(busy.join()), ErrorCode::cancelled_in_flight);
  expect_whole(pool);
  EXPECT_EQ(serials(pool.status()), workers);
}

TEST(Health, AWorkerThatWakesUpAgainIsRestoredAndServes) {
  Options options = watched(1);
  options.health_timeout = 40ms;
  options.health_failures_max = 100;
  Pool pool = must_start(options);
  const WorkerStatus worker = pool.status().workers.front();
  EventsOf unhealthy(pool, "worker_unhealthy");
  ASSERT_EQ(kill(worker.pid, SIGSTOP), 0);
  ASSERT_TRUE(unhealthy.reaches(1));
  EXPECT_EQ(pool.status().workers.front().state, "degraded");
  EXPECT_EQ(pool.status().workers.front().health, "unhealthy");
  EXPECT_EQ(code_of(pool.call("echo", Json::object(), {.deadline = 20ms})),
            ErrorCode::queue_timeout)
      << "no work for it";
  EventsOf recovered(pool, "worker_recovered");
  ASSERT_EQ(kill(worker.pid, SIGCONT), 0);
  ASSERT_TRUE(recovered.reaches(1));
  EXPECT_TRUE(echoes(pool));
  EXPECT_EQ(pool.status().workers.front().worker, worker.worker);
  EXPECT_EQ(pool.status().workers.front().health, "healthy");
}

TEST(Health, APoolOfOneServesEveryCallWhileItIsPinged) {
  Options options = watched(1);
  options.health_interval = 1ms;
  Pool pool = must_start(options);
  EventsOf pings(pool, "health_probe_started");
  std::uint64_t calls = 0;
  while (pings.count() < 50) {
    ASSERT_TRUE(echoes(pool));
    ++calls;
    // Idle until the next ping, so that calls and pings meet.
    if (calls % 3 == 0) {
      ASSERT_TRUE(pings.reaches(pings.count() + 1));
    }
  }
  const Status status = pool.status();
  EXPECT_EQ(status.ok, calls);
  EXPECT_EQ(status.workers_lost, 0U);
}

TEST(Health, AWorkerThatWritesBehindItsAnswerIsReplaced) {
  Options options = script_options(1, TESTS_FOLDER "/babbling_bridge.py");
  options.environment["PYTHON_MOCK"] = PYTHON_MOCK;
  options.health_interval = interval;
  Pool pool = must_start(options);
  EventsOf faulted(pool, "worker_faulted");
  ASSERT_TRUE(faulted.reaches(1));
  EXPECT_EQ(faulted.last_code(), ErrorCode::stray_output);
}

}  // namespace
}  // namespace ordeal::pool
