// The text that Prometheus reads: its format, its exact lines, and what it must not hold.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ordeal/pool/metrics.hpp"
#include "pool/core/names.hpp"
#include "pool/observe/metrics/status_rows.hpp"
#include "pool/observe/tests/exposition_reader.hpp"

namespace ordeal::pool::observe {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

PoolEvent resolved(ErrorCode code, std::chrono::nanoseconds duration) {
  PoolEvent event;
  event.what = "request_resolved";
  event.request = 1;
  event.code = code;
  event.duration = duration;
  return event;
}

Status some_status() {
  Status status;
  status.size = 3;
  status.busy = 1;
  status.idle = 2;
  status.submitted = 12'345'678'901;
  status.ok = 7;
  status.workers = {WorkerStatus{.rss_kib = 2}, WorkerStatus{.rss_kib = -1},
                    WorkerStatus{.rss_kib = 3}};
  return status;
}

TEST(Exposition, IsWhatPrometheusReads) {
  Metrics metrics{"night \"quoted\" \\ and\nbroken"};
  const Sink sink = metrics.sink();
  for (const std::string_view what : core::Names<core::Occurrence>::all) {
    PoolEvent event;
    event.what = what;
    event.code = ErrorCode::worker_died;
    event.from = "ready";
    event.to = "busy";
    event.reason = "checkout";
    sink(event);
  }
  const Exposition read = read_exposition(metrics.text(some_status()));
  EXPECT_THAT(read.complaints, IsEmpty());
  EXPECT_GT(read.series.size(), 100U);
}

TEST(Exposition, TheReaderOfTheseTestsHasTeeth) {
  const auto complains = [](std::string_view text) {
    return !read_exposition(text).complaints.empty();
  };
  EXPECT_FALSE(complains("# HELP a_total h\n# TYPE a_total counter\na_total{x=\"\\\"1\"} 1\n"));
  EXPECT_TRUE(complains("# TYPE a_total counter\na_total 1\n")) << "no help";
  EXPECT_TRUE(complains("# HELP a h\n# TYPE a counter\na 1\n")) << "a counter without _total";
  EXPECT_TRUE(complains("# HELP a h\n# TYPE a gauge\na 1\na 2\n")) << "a series twice";
  EXPECT_TRUE(complains("# HELP a h\n# TYPE a gauge\nb 1\n")) << "outside its family";
  EXPECT_TRUE(complains("# HELP a h\n# TYPE a gauge\na{x=\"\"\"} 1\n")) << "not escaped";
  EXPECT_TRUE(complains("# HELP a h\n# TYPE a gauge\na 1")) << "no line break at the end";
  EXPECT_TRUE(
      complains("# HELP h h\n# TYPE h histogram\nh_bucket{le=\"1\"} 2\n"
                "h_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n"))
      << "buckets that shrink";
}

TEST(Exposition, HoldsStatusExactly) {
  const Metrics metrics{"p"};
  const Exposition read = read_exposition(metrics.text(some_status()));
  EXPECT_EQ(read.at("ordeal_pool_workers{pool=\"p\",state=\"busy\"}"), 1);
  EXPECT_EQ(read.at("ordeal_pool_workers{pool=\"p\",state=\"idle\"}"), 2);
  EXPECT_EQ(read.at("ordeal_pool_requests_submitted_total{pool=\"p\"}"), 12'345'678'901);
  EXPECT_EQ(read.at("ordeal_pool_requests_total{outcome=\"ok\",pool=\"p\"}"), 7);
  EXPECT_EQ(read.at("ordeal_pool_workers_resident_memory_bytes{pool=\"p\"}"), 5 * 1024);
  EXPECT_NEAR(read.at("ordeal_pool_utilisation_ratio{pool=\"p\"}"), 1.0 / 3, 1e-9);
}

TEST(Exposition, EveryNumberOfStatusHasItsOwnRow) {
  // Each row reads another member: with all members different, no two rows agree by accident.
  Status status;
  status.size = 1;
  status.overflow = 2;
  status.starting = 3;
  status.idle = 4;
  status.busy = 5;
  status.degraded = 6;
  status.terminating = 7;
  status.queue_depth = 8;
  status.queue_max = 9;
  status.running = 10;
  std::uint64_t next = 11;
  for (auto member : {&Status::submitted,       &Status::ok,
                      &Status::failed,          &Status::timed_out,
                      &Status::rejected,        &Status::shed,
                      &Status::cancelled,       &Status::backing_off,
                      &Status::requeued,        &Status::retries,
                      &Status::spawns,          &Status::start_failures,
                      &Status::workers_lost,    &Status::late_replies_drained,
                      &Status::events_dropped,  &Status::sink_failures,
                      &Status::warden_restarts, &Status::workers_recycled,
                      &Status::generation,      &Status::leases_overdue}) {
    status.*member = next++;
  }
  std::map<double, int> seen;
  for (const StatusRow& row : status_rows) ++seen[row.get(status)];
  seen.erase(0);  // flags
  for (const auto& [value, rows] : seen) EXPECT_EQ(rows, 1) << value;
  // Counted by events with a label more: retries, start failures.
  EXPECT_FALSE(seen.contains(20));
  EXPECT_FALSE(seen.contains(22));
  for (int value = 1; value < 31; ++value) {
    if (value != 20 && value != 22) {
      EXPECT_TRUE(seen.contains(value)) << value;
    }
  }
}

TEST(Exposition, DurationsAreSecondsInBuckets) {
  const Metrics metrics{"p"};
  metrics.sink()(resolved(ErrorCode::none, std::chrono::milliseconds{3}));
  metrics.sink()(resolved(ErrorCode::worker_died, std::chrono::minutes{10}));
  const Exposition read = read_exposition(metrics.text({}));
  const std::string ok = "pool=\"p\",result=\"ok\"}";
  EXPECT_EQ(read.at("ordeal_pool_request_duration_seconds_bucket{le=\"0.0025\"," + ok), 0);
  EXPECT_EQ(read.at("ordeal_pool_request_duration_seconds_bucket{le=\"0.005\"," + ok), 1);
  EXPECT_EQ(read.at("ordeal_pool_request_duration_seconds_sum{" + ok), 0.003);
  const std::string error = "pool=\"p\",result=\"error\"}";
  EXPECT_EQ(read.at("ordeal_pool_request_duration_seconds_bucket{le=\"300\"," + error), 0);
  EXPECT_EQ(read.at("ordeal_pool_request_duration_seconds_bucket{le=\"+Inf\"," + error), 1);
  EXPECT_EQ(read.at("ordeal_pool_request_errors_total{code=\"worker_died\",pool=\"p\"}"), 1);
}

TEST(Exposition, CommandsAreLabels) {
  const Metrics metrics{"p"};
  PoolEvent event = resolved(ErrorCode::none, std::chrono::milliseconds{3});
  event.command = "say \"it\"\n";
  metrics.sink()(event);
  const Exposition read = read_exposition(metrics.text({}));
  EXPECT_THAT(read.complaints, ::testing::IsEmpty());
  EXPECT_EQ(read.sum("ordeal_pool_command_duration_seconds_count", {"result=\"ok\""}), 1);
  EXPECT_EQ(read.at("ordeal_pool_command_duration_seconds_sum{command=\"say \\\"it\\\"\\n\","
                    "pool=\"p\",result=\"ok\"}"),
            0.003);
}

TEST(Exposition, CountersThatAreKnownInAdvanceBeginAtZero) {
  const Exposition read = read_exposition(Metrics{"p"}.text({}));
  EXPECT_EQ(read.at("ordeal_pool_grants_total{pool=\"p\"}"), 0);
  EXPECT_EQ(read.at("ordeal_pool_start_circuit_transitions_total{pool=\"p\",to=\"open\"}"), 0);
  EXPECT_EQ(read.at("ordeal_pool_start_circuit_transitions_total{pool=\"p\",to=\"closed\"}"), 0);
}

TEST(Exposition, NeverHoldsACallersWords) {
  const Metrics metrics{"p"};
  PoolEvent event = resolved(ErrorCode::worker_died, {});
  event.label = "canary-label";
  event.traceparent = "canary-traceparent";
  for (const std::string_view what : core::Names<core::Occurrence>::all) {
    event.what = what;
    metrics.sink()(event);
  }
  EXPECT_THAT(metrics.text({}), Not(HasSubstr("canary")));
}

}  // namespace
}  // namespace ordeal::pool::observe
