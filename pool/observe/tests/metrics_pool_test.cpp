// Metrics of a real pool with real workers: they agree with its Status and with its events.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ordeal/pool/metrics.hpp"
#include "ordeal/pool/recovery.hpp"
#include "ordeal/pool/session.hpp"
#include "pool/observe/tests/exposition_reader.hpp"
#include "pool/observe/tests/scrape.hpp"
#include "pool/runtime/tests/support.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool::observe {
namespace {

using ::testing::IsEmpty;

// Transitions into and out of busy: checkouts, check-ins and losses.
double busy_balance(const Exposition& read) {
  const std::string_view transitions = "ordeal_pool_worker_transitions_total";
  return read.sum(transitions, {"to=\"busy\""}) - read.sum(transitions, {"from=\"busy\""});
}

void expect_agreement(const Exposition& read, const Status& status) {
  const auto is = [&](std::string_view metric, const std::vector<std::string>& labels,
                      std::uint64_t value) {
    EXPECT_EQ(read.sum("ordeal_pool_" + std::string{metric}, labels), static_cast<double>(value))
        << metric;
  };
  EXPECT_THAT(read.complaints, IsEmpty());
  is("requests_submitted_total", {}, status.submitted);
  is("requests_total", {},
     status.ok + status.failed + status.timed_out + status.rejected + status.shed +
         status.cancelled);
  // From here on: events on the left, Status on the right.
  is("request_duration_seconds_count", {"result=\"ok\""}, status.ok);
  is("request_duration_seconds_count", {"result=\"error\""},
     status.failed + status.timed_out + status.rejected + status.shed + status.cancelled);
  is("request_errors_total", {},
     status.failed + status.timed_out + status.rejected + status.shed + status.cancelled);
  is("retries_total", {}, status.retries);
  is("worker_start_failures_total", {}, status.start_failures);
  is("worker_start_seconds_count", {}, status.spawns - status.start_failures);
  EXPECT_EQ(read.at("ordeal_pool_queue_wait_seconds_count{pool=\"trial\"}"),
            read.at("ordeal_pool_grants_total{pool=\"trial\"}"));
  is("workers", {"state=\"busy\""}, status.busy);
  EXPECT_EQ(busy_balance(read), status.busy);
}

TEST(MetricsOfAPool, BusyWorkersAreCheckoutsWithoutCheckInsAndLosses) {
  cites(46, 47);
  Metrics metrics{"trial"};
  Signal two_busy;
  int busy = 0;
  // Behind the metrics' sink, so what it has seen is in the metrics.
  const Sink watch = [&](const PoolEvent& event) {
    busy += static_cast<int>(event.to == "busy");
    if (busy == 2) two_busy.set();
  };
  auto pool = Pool::start(recorded(mock_options(3)), {metrics.sink(), watch});
  ASSERT_TRUE(pool) << pool.error().message;
  auto first = pool->checkout();
  auto second = pool->checkout();
  ASSERT_TRUE(first && second);
  ASSERT_TRUE(two_busy.wait());
  const Status status = pool->status();
  ASSERT_EQ(status.busy, 2U);
  const Exposition read = read_exposition(metrics.text(status));
  EXPECT_EQ(busy_balance(read), 2);
  EXPECT_NEAR(read.at("ordeal_pool_utilisation_ratio{pool=\"trial\"}"), 2.0 / 3, 1e-9);
  EXPECT_GT(read.at("ordeal_pool_workers_resident_memory_bytes{pool=\"trial\"}"), 3e6);
}

TEST(MetricsOfAPool, AgreeWithStatusWhateverHappens) {
  cites(46);
  Metrics metrics{"trial"};
  Options options = mock_options(2);
  options.retry.base_delay = 1ms;
  options.queue_max = 1;
  options.name = "trial";
  auto pool = Pool::start(recorded(options), {metrics.sink()});
  ASSERT_TRUE(pool) << pool.error().message;
  const RetryPolicy once_more{.max_retries = 1, .base_delay = 1ms};
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(echoes(*pool));
  EXPECT_EQ(code_of(pool->call("error", Json::object())), ErrorCode::application_error);
  EXPECT_EQ(code_of(pool->call("crash", Json{{"exit_code", 3}},
                               {.idempotent = true, .retry = once_more})),
            ErrorCode::worker_died);
  EXPECT_EQ(code_of(pool->call("bad_json", Json::object())), ErrorCode::malformed_frame);
  // Else, on a machine that is slow to start the next workers, it would not get one in its time.
  EXPECT_TRUE(wait_until(*pool, is_whole));
  EXPECT_EQ(code_of(pool->call("hang", Json::object(), {.deadline = 50ms})),
            ErrorCode::call_timeout);
  {
    auto first = pool->checkout();
    auto second = pool->checkout();
    EXPECT_EQ(code_of(pool->call("echo", Json::object(), {.deadline = 20ms})),
              ErrorCode::queue_timeout);
    EXPECT_TRUE(first && second);
  }
  expect_whole(*pool);
  ASSERT_TRUE(pool->stop(patience));  // every event has been delivered
  const Status status = pool->status();
  const Exposition read = read_exposition(metrics.text(status));
  expect_agreement(read, status);
  EXPECT_EQ(status.retries, 1U);
  EXPECT_EQ(read.at("ordeal_pool_retries_total{code=\"worker_died\",pool=\"trial\"}"), 1);
  EXPECT_EQ(read.at("ordeal_pool_retries_exhausted_total{pool=\"trial\",reason=\"attempts\"}"), 1);
  EXPECT_EQ(read.at("ordeal_pool_worker_faults_total{code=\"malformed_frame\",pool=\"trial\"}"), 1);
  EXPECT_EQ(read.at("ordeal_pool_request_errors_total{code=\"call_timeout\",pool=\"trial\"}"), 1);
  const std::string_view by_command = "ordeal_pool_command_duration_seconds_count";
  EXPECT_EQ(read.sum(by_command, {"command=\"echo\"", "result=\"ok\""}), 5);
  EXPECT_EQ(read.sum(by_command, {"command=\"echo\"", "result=\"error\""}), 1);
  EXPECT_EQ(read.sum(by_command, {"command=\"crash\"", "result=\"error\""}), 1);
  EXPECT_EQ(read.sum(by_command, {}), 10) << "leases have no command";
  // A hang of 50 ms was served at least so long.
  EXPECT_GE(read.at("ordeal_pool_service_seconds_sum{pool=\"trial\"}"), 0.050);
}

TEST(MetricsOfAPool, CountStartsThatFail) {
  Metrics metrics{"trial"};
  Options options = mock_options(1, {"--start-fail", "always", "--start-exit-code", "9"});
  options.start_failures_max = 2;
  const auto pool = Pool::start(recorded(options), {metrics.sink()});
  ASSERT_FALSE(pool);
  const Exposition read = read_exposition(metrics.text({}));
  EXPECT_EQ(
      read.at("ordeal_pool_worker_start_failures_total{code=\"start_exited\",pool=\"trial\"}"), 2);
  EXPECT_EQ(read.at("ordeal_pool_start_circuit_transitions_total{pool=\"trial\",to=\"open\"}"), 1);
}

TEST(MetricsOfAPool, AreServedWhileItWorks) {
  Metrics metrics{"trial"};
  auto pool = Pool::start(recorded(mock_options(1)), {metrics.sink()});
  ASSERT_TRUE(pool) << pool.error().message;
  const auto server =
      MetricsServer::start("127.0.0.1:0", [&] { return metrics.text(pool->status()); });
  ASSERT_TRUE(server) << server.error().message;
  EXPECT_TRUE(echoes(*pool));
  const Exposition read = read_exposition(scrape(server->address()));
  EXPECT_THAT(read.complaints, IsEmpty());
  EXPECT_EQ(read.at("ordeal_pool_requests_total{outcome=\"ok\",pool=\"trial\"}"), 1);
}

TEST(MetricsOfAPool, TellOfBreakersSessionsAndRecoveriesAtTheEndpoint) {
  cites(46);
  Metrics metrics{"trial"};
  Options options = mock_options(1);
  options.breaker.enabled = true;
  options.breaker.failures = 2;
  options.affinity = AffinityPolicy::prefer;
  auto pool = Pool::start(recorded(options), {metrics.sink()});
  ASSERT_TRUE(pool) << pool.error().message;
  const auto server =
      MetricsServer::start("127.0.0.1:0", [&] { return metrics.text(pool->status()); });
  ASSERT_TRUE(server) << server.error().message;
  for (int i = 0; i < 2; ++i) (void)pool->call("error", Json::object());
  EXPECT_EQ(code_of(pool->call("error", Json::object())), ErrorCode::circuit_open);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(pool->call("echo", Json::object(), {.session = "s"}));
  {
    Recovery recovery{*pool};
    Signal failed;
    const auto tried = recovery.handle(make_error(ErrorCode::worker_died, "seen"),
                                       {.command = "echo", .context = {.idempotent = true}}, {});
    const auto given_up = recovery.handle(make_error(ErrorCode::used_after_fork, "seen"), {},
                                          [&](const RecoveryResult&) { failed.set(); });
    EXPECT_TRUE(tried && given_up);
    EXPECT_TRUE(failed.wait());
    EXPECT_TRUE(
        wait_until(*pool, [&](const Status&) { return recovery.statistics().active == 0; }));
  }
  ASSERT_TRUE(pool->stop(patience));  // every event has been delivered
  const Exposition read = read_exposition(scrape(server->address()));
  EXPECT_THAT(read.complaints, IsEmpty());
  const auto at = [&](const std::string& series) { return read.at("ordeal_pool_" + series); };
  EXPECT_EQ(at("breakers{pool=\"trial\",state=\"open\"}"), 1);
  EXPECT_EQ(at("breakers{pool=\"trial\",state=\"closed\"}"), 1) << "that of echo";
  EXPECT_EQ(read.sum("ordeal_pool_breaker_transitions_total", {"to=\"open\""}), 1);
  EXPECT_EQ(at("session_grants_total{affinity=\"hit\",pool=\"trial\"}"), 2);
  EXPECT_EQ(at("session_grants_total{affinity=\"miss\",pool=\"trial\"}"), 1);
  EXPECT_EQ(at("recovery_started_total{pool=\"trial\",reason=\"retry\"}"), 1);
  EXPECT_EQ(at("recovery_ended_total{outcome=\"succeeded\",pool=\"trial\",reason=\"retry\"}"), 1);
  EXPECT_EQ(at("recovery_ended_total{outcome=\"failed\",pool=\"trial\",reason=\"abandon\"}"), 1);
  EXPECT_EQ(at("recovery_duration_seconds_count{outcome=\"succeeded\",pool=\"trial\"}"), 1);
  EXPECT_EQ(at("recovery_duration_seconds_count{outcome=\"timed_out\",pool=\"trial\"}"), 0);
}

}  // namespace
}  // namespace ordeal::pool::observe
