// Events into counters and durations: which are counted, how long things took, and the bounds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "pool/core/names.hpp"
#include "pool/observe/metrics/event_metrics.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool::observe {
namespace {

using namespace std::chrono_literals;

PoolEvent event(core::Occurrence what, std::chrono::nanoseconds at, std::uint64_t request = 0) {
  PoolEvent made;
  made.what = core::name_of(what);
  made.at = std::chrono::steady_clock::time_point{at};
  made.request = request;
  return made;
}

PoolEvent lasting(PoolEvent made, std::chrono::nanoseconds duration,
                  ErrorCode code = ErrorCode::none) {
  made.duration = duration;
  made.code = code;
  return made;
}

void expect_one_row(std::string_view what) {
  int rows = 0;
  for (const EventRow& row : event_rows) {
    if (row.what.text != what) continue;
    ++rows;
    const bool named = !row.metric.empty();
    EXPECT_TRUE(!row.help.empty() || !row.fixed.name.empty()) << what;
    EXPECT_EQ(row.metric.ends_with("_total"), named) << what;
    EXPECT_TRUE(row.seconds.empty() || row.seconds.ends_with("_seconds")) << what;
  }
  EXPECT_EQ(rows, 1) << what << ": add a row to event_rows.hpp";
}

TEST(EventRows, EveryEventIsCountedOrSaysWhyNot) {
  cites(46);
  for (const std::string_view what : core::Names<O>::all) expect_one_row(what);
  for (const std::string_view what : event_names::all) expect_one_row(what);
}

TEST(EventRows, RowsOfOneMetricAreNeighboursToldApartByAFixedLabel) {
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < event_rows.size(); ++i) {
    const EventRow& row = event_rows[i];
    if (row.metric.empty()) continue;
    if (i > 0 && event_rows[i - 1].metric == row.metric) {
      EXPECT_NE(row.fixed.value, event_rows[i - 1].fixed.value);
    } else {
      EXPECT_TRUE(seen.insert(row.metric).second) << row.metric << " is torn apart";
    }
  }
}

TEST(RequestTimes, OneAttemptWaitsAndIsServed) {
  RequestTimes times;
  times.note(O::request_granted, lasting(event(O::request_granted, 10ms, 1), 4ms));
  times.note(O::request_resolved, lasting(event(O::request_resolved, 17ms, 1), 11ms));
  EXPECT_EQ(times.queue_wait().count(), 1U);
  EXPECT_DOUBLE_EQ(times.queue_wait().sum_seconds(), 0.004);
  EXPECT_DOUBLE_EQ(times.service().sum_seconds(), 0.007);
  EXPECT_DOUBLE_EQ(times.total_ok().sum_seconds(), 0.011);
  EXPECT_EQ(times.total_error().count(), 0U);
  EXPECT_EQ(times.remembered(), 0U);
}

TEST(RequestTimes, APauseIsNeitherWaitingNorService) {
  RequestTimes times;
  times.note(O::request_granted, lasting(event(O::request_granted, 1ms, 1), 1ms));
  times.note(O::request_retry_scheduled,
             lasting(event(O::request_retry_scheduled, 3ms, 1), 100ms, ErrorCode::worker_died));
  times.note(O::request_granted, lasting(event(O::request_granted, 108ms, 1), 108ms));
  times.note(O::request_resolved,
             lasting(event(O::request_resolved, 114ms, 1), 114ms, ErrorCode::call_timeout));
  EXPECT_EQ(times.queue_wait().count(), 2U);
  EXPECT_DOUBLE_EQ(times.queue_wait().sum_seconds(), 0.001 + 0.005);
  EXPECT_EQ(times.service().count(), 2U);
  EXPECT_DOUBLE_EQ(times.service().sum_seconds(), 0.002 + 0.006);
  EXPECT_DOUBLE_EQ(times.total_error().sum_seconds(), 0.114);
}

TEST(RequestTimes, WhatWasPutBackUntouchedWasNotServed) {
  RequestTimes times;
  times.note(O::request_granted, lasting(event(O::request_granted, 1ms, 1), 1ms));
  times.note(O::request_requeued, event(O::request_requeued, 2ms, 1));
  times.note(O::request_granted, lasting(event(O::request_granted, 5ms, 1), 5ms));
  times.note(O::request_resolved, lasting(event(O::request_resolved, 6ms, 1), 6ms));
  EXPECT_DOUBLE_EQ(times.queue_wait().sum_seconds(), 0.001 + 0.003);
  EXPECT_EQ(times.service().count(), 1U);
  EXPECT_DOUBLE_EQ(times.service().sum_seconds(), 0.001);
}

TEST(RequestTimes, OneThatGaveUpDuringItsPauseWasServedOnce) {
  RequestTimes times;
  times.note(O::request_granted, lasting(event(O::request_granted, 1ms, 1), 1ms));
  times.note(O::request_retry_scheduled,
             lasting(event(O::request_retry_scheduled, 3ms, 1), 100ms, ErrorCode::worker_died));
  times.note(O::request_resolved,
             lasting(event(O::request_resolved, 50ms, 1), 50ms, ErrorCode::cancelled));
  EXPECT_EQ(times.service().count(), 1U);
  EXPECT_DOUBLE_EQ(times.service().sum_seconds(), 0.002);
}

TEST(RequestTimes, OneThatNeverGotAWorkerWasNotServed) {
  RequestTimes times;
  times.note(O::request_resolved,
             lasting(event(O::request_resolved, 9ms, 1), 9ms, ErrorCode::queue_timeout));
  EXPECT_EQ(times.service().count(), 0U);
  EXPECT_EQ(times.queue_wait().count(), 0U);
  EXPECT_EQ(times.total_error().count(), 1U);
}

TEST(RequestTimes, RequestsWhoseEndWasDroppedAreForgottenOldestFirst) {
  RequestTimes times;
  for (std::uint64_t i = 1; i <= RequestTimes::requests_max + 1; ++i) {
    times.note(O::request_granted, event(O::request_granted, 1ms, i));
  }
  EXPECT_EQ(times.remembered(), RequestTimes::requests_max);
  times.note(O::request_resolved, event(O::request_resolved, 2ms, 1));
  EXPECT_EQ(times.service().count(), 0U);
  times.note(O::request_resolved, event(O::request_resolved, 2ms, 2));
  EXPECT_EQ(times.service().count(), 1U);
}

TEST(Histogram, BoundsAreInclusiveAndWhatIsLongerCountsWithoutABucket) {
  Histogram histogram;
  histogram.observe(10us);
  histogram.observe(10us + 1ns);
  histogram.observe(10min);
  histogram.observe(-1ns);  // clocks of two threads: counted as nothing
  EXPECT_EQ(histogram.buckets()[0], 2U);
  EXPECT_EQ(histogram.buckets()[1], 1U);
  EXPECT_EQ(histogram.count(), 4U);
}

EventMetrics::Series series_of(const EventMetrics& metrics, core::Occurrence what) {
  EventMetrics::Series found;
  metrics.read([&](const EventMetrics::View& view) {
    for (std::size_t i = 0; i < event_rows.size(); ++i) {
      if (event_rows[i].what.text == core::name_of(what)) found = view.counted[i];
    }
  });
  return found;
}

TEST(EventMetrics, WorkerStartsAreTimedOnlyIfTheyGetReady) {
  EventMetrics metrics;
  const auto note = [&](O what, std::chrono::nanoseconds at, std::uint64_t worker,
                        std::string_view to) {
    PoolEvent made = event(what, at);
    made.worker = worker;
    made.to = to;
    metrics.note(made);
  };
  note(O::worker_spawning, 1ms, 1, "");
  note(O::worker_spawning, 2ms, 2, "");
  note(O::worker_transition, 21ms, 1, "ready");
  note(O::worker_transition, 30ms, 2, "terminated");
  note(O::worker_transition, 40ms, 1, "busy");
  note(O::worker_transition, 50ms, 1, "ready");
  metrics.read([](const EventMetrics::View& view) {
    EXPECT_EQ(view.worker_start.count(), 1U);
    EXPECT_DOUBLE_EQ(view.worker_start.sum_seconds(), 0.020);
  });
}

TEST(EventMetrics, EventsWithADurationOfTheirOwnAreTimed) {
  EventMetrics metrics;
  metrics.note(lasting(event(O::health_probe_ended, 1ms), 3ms));
  metrics.note(lasting(event(O::health_probe_ended, 1ms), 5ms, ErrorCode::worker_died));
  metrics.read([](const EventMetrics::View& view) {
    for (std::size_t i = 0; i < event_rows.size(); ++i) {
      const bool probe = event_rows[i].what.text == core::name_of(O::health_probe_ended);
      EXPECT_EQ(view.timed[i].count(), probe ? 2U : 0U);
      EXPECT_DOUBLE_EQ(view.timed[i].sum_seconds(), probe ? 0.008 : 0);
    }
  });
  EXPECT_EQ(series_of(metrics, O::health_probe_ended).size(), 1U) << "failures only";
}

TEST(EventMetrics, ASuccessIsNoError) {
  EventMetrics metrics;
  metrics.note(event(O::request_resolved, 1ms, 1));
  metrics.note(lasting(event(O::request_resolved, 1ms, 2), 1ms, ErrorCode::worker_died));
  const EventMetrics::Series errors = series_of(metrics, O::request_resolved);
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors.begin()->first[0], "worker_died");
}

TEST(EventMetrics, NoMetricHasMoreThanItsShareOfSeries) {
  EventMetrics metrics;
  constexpr std::size_t reasons = 1000;
  for (std::size_t i = 0; i < reasons; ++i) {
    PoolEvent made = event(O::request_retry_exhausted, 1ms, i);
    const std::string reason = "reason " + std::to_string(i);  // gone after the call
    made.reason = reason;
    metrics.note(made);
  }
  const EventMetrics::Series series = series_of(metrics, O::request_retry_exhausted);
  EXPECT_EQ(series.size(), EventMetrics::series_max);
  EXPECT_EQ(series.at({"other", "", ""}), reasons - (EventMetrics::series_max - 1));
}

EventMetrics::Commands commands_of(const EventMetrics& metrics) {
  EventMetrics::Commands commands;
  metrics.read([&](const EventMetrics::View& view) { commands = view.commands; });
  return commands;
}

PoolEvent ended(const std::string& command, ErrorCode code = ErrorCode::none) {
  PoolEvent made = lasting(event(O::request_resolved, 1ms, 1), 3ms, code);
  made.command = command;
  return made;
}

TEST(EventMetrics, RequestsAreTimedByCommandAndOutcome) {
  cites(46);
  EventMetrics metrics;
  metrics.note(ended("echo"));
  metrics.note(ended("echo", ErrorCode::worker_died));
  metrics.note(ended("predict"));
  metrics.note(ended(""));  // a lease
  const EventMetrics::Commands commands = commands_of(metrics);
  ASSERT_EQ(commands.size(), 2U);
  EXPECT_EQ(commands.at("echo").ok.count(), 1U);
  EXPECT_EQ(commands.at("echo").error.count(), 1U);
  EXPECT_DOUBLE_EQ(commands.at("predict").ok.sum_seconds(), 0.003);
}

TEST(EventMetrics, CommandsBeyondTheBoundAreOthers) {
  EventMetrics metrics;
  constexpr std::size_t names = 1000;
  for (std::size_t i = 0; i < names; ++i) metrics.note(ended("command " + std::to_string(i)));
  metrics.note(ended("command 0"));
  const EventMetrics::Commands commands = commands_of(metrics);
  EXPECT_EQ(commands.size(), EventMetrics::commands_max);
  EXPECT_EQ(commands.at("other").ok.count(), names - (EventMetrics::commands_max - 1));
  EXPECT_EQ(commands.at("command 0").ok.count(), 2U);
}

// An event has the first bytes of a long name.
TEST(EventMetrics, ACommandThatWasCutWithinACharacterIsText) {
  EventMetrics metrics;
  metrics.note(ended("caf\xc3"));
  EXPECT_TRUE(commands_of(metrics).contains("caf"));
}

TEST(EventMetrics, AnEventFromALaterVersionIsNoMatter) {
  cites(48);
  EventMetrics metrics;
  PoolEvent unknown;
  unknown.what = "a_novelty";
  metrics.note(unknown);
  EXPECT_TRUE(series_of(metrics, O::request_granted).empty());
}

}  // namespace
}  // namespace ordeal::pool::observe
