// A few hundred worlds, each from its seed; and that a seed is all there is to a run.
#include "testing/sim/simulation.hpp"

#include <gtest/gtest.h>

#include <map>

#include "testing/cites/cites.hpp"
#include "testing/sim/replay.hpp"

namespace ordeal::trial {
namespace {

using pool::ErrorCode;

constexpr std::uint64_t seeds = 300;

void add_affinity(SimulationReport& all, const SimulationReport& report) {
  all.counters.affinity_hits += report.counters.affinity_hits;
  all.counters.affinity_misses += report.counters.affinity_misses;
  all.counters.affinity_rebinds += report.counters.affinity_rebinds;
  all.counters.affinity_waits_over += report.counters.affinity_waits_over;
  all.counters.bindings_expired += report.counters.bindings_expired;
  all.counters.bindings_evicted += report.counters.bindings_evicted;
  all.counters.bindings_lost += report.counters.bindings_lost;
  all.affinity.waited_for_worker += report.affinity.waited_for_worker;
  all.affinity.passed_ineligible += report.affinity.passed_ineligible;
  all.affinity.older_went_first += report.affinity.older_went_first;
  all.affinity.sessions_forgotten += report.affinity.sessions_forgotten;
}

void expect_affinity_went_everywhere(const SimulationReport& all) {
  EXPECT_GT(all.counters.affinity_hits, 0U);
  EXPECT_GT(all.counters.affinity_misses, all.counters.affinity_rebinds);
  EXPECT_GT(all.counters.affinity_rebinds, 0U);
  EXPECT_GT(all.counters.affinity_waits_over, 0U);
  EXPECT_GT(all.counters.bindings_expired, 0U);
  EXPECT_GT(all.counters.bindings_evicted, 0U);
  EXPECT_GT(all.counters.bindings_lost, 0U);
  EXPECT_GT(all.affinity.waited_for_worker, 0U) << "strict: got its own worker, late";
  EXPECT_GT(all.affinity.passed_ineligible, 0U);
  EXPECT_GT(all.affinity.older_went_first, 0U) << "(30) nobody is passed for affinity's sake";
  EXPECT_GT(all.affinity.sessions_forgotten, 0U);
}

void expect_operations_went_everywhere(CoreOracle::Operations& all) {
  using pool::core::TransitionReason;
  for (const TransitionReason why : {TransitionReason::drained, TransitionReason::surplus,
                                     TransitionReason::rolled, TransitionReason::requests_max,
                                     TransitionReason::age_max, TransitionReason::memory_growth}) {
    EXPECT_GT(all.withdrawn[why], 0U) << to_string(why);
  }
  EXPECT_GT(all.withdrawn_busy, 0U) << "finishes what it has, and leaves then";
  EXPECT_GT(all.starts_given_up, 0U);
  EXPECT_GT(all.rolls_finished, 0U);
  EXPECT_GT(all.rolls_failed_at_once, 0U);
  EXPECT_GT(all.rolls_failed_later, 0U);
  EXPECT_GT(all.turned_away, 0U);
  EXPECT_GT(all.waited_for_resume, 0U);
}

TEST(Simulation, EverySeedHoldsAndTogetherTheyGoEverywhere) {
  cites(1, 3, 4, 5, 6, 8, 9, 10, 12, 21, 22, 24, 25, 26, 27, 29, 30, 31, 32, 33, 34, 35, 36, 38, 39,
        53);
  cites_bug_class(1, 3, 5, 7, 9, 10, 11, 12, 13, 16, 17, 19);
  cites_property(1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 17, 19, 21, 24);
  SimulationReport all;
  std::uint64_t requests = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const SimulationReport report = Simulation(seed, swarm(seed)).run();
    requests += report.counters.submitted;
    if (!report.error.empty()) {  // how soon it is found: kept for each mutant
      RecordProperty("requests_until_failure", std::to_string(requests));
    }
    ASSERT_EQ(report.error, "") << "repro: ordeal-sim run --seeds " << seed << ".." << seed;
    for (std::size_t i = 0; i < all.outcomes.size(); ++i) all.outcomes[i] += report.outcomes[i];
    all.circuit_openings += report.circuit_openings;
    all.counters.requeued += report.counters.requeued;
    all.counters.late_replies_drained += report.counters.late_replies_drained;
    all.counters.start_failures += report.counters.start_failures;
    all.kills += report.kills;
    all.unhealthy_kills += report.unhealthy_kills;
    all.counters.probe_failures += report.counters.probe_failures;
    all.counters.workers_recovered += report.counters.workers_recovered;
    all.ok_after_retry += report.ok_after_retry;
    all.counters.retries += report.counters.retries;
    all.counters.leases_overdue += report.counters.leases_overdue;
    add_affinity(all, report);
    all.breakers.add(report.breakers);
    all.operations.add(report.operations);
  }
  // What a suite never saw it has not tested.
  for (const ErrorCode code : {ErrorCode::none,
                               ErrorCode::queue_full,
                               ErrorCode::queue_timeout,
                               ErrorCode::workers_unavailable,
                               ErrorCode::pool_stopping,
                               ErrorCode::cancelled,
                               ErrorCode::call_timeout,
                               ErrorCode::cancelled_in_flight,
                               ErrorCode::worker_died,
                               ErrorCode::worker_closed_stream,
                               ErrorCode::stopped_in_flight,
                               ErrorCode::malformed_frame,
                               ErrorCode::malformed_reply,
                               ErrorCode::reply_id_mismatch,
                               ErrorCode::reply_too_large,
                               ErrorCode::truncated_reply,
                               ErrorCode::stray_output,
                               ErrorCode::application_error,
                               ErrorCode::poisoned_request,
                               ErrorCode::session_state_lost,
                               ErrorCode::circuit_open,
                               ErrorCode::circuit_half_open_limit,
                               ErrorCode::pool_draining,
                               ErrorCode::deadline_unreachable,
                               ErrorCode::request_shed}) {
    EXPECT_GT(all.outcomes[static_cast<std::size_t>(code)], 0U) << to_string(code);
  }
  EXPECT_GT(all.circuit_openings, 0U);
  EXPECT_GT(all.counters.requeued, 0U);
  EXPECT_GT(all.counters.late_replies_drained, 0U);
  EXPECT_GT(all.counters.start_failures, 0U);
  EXPECT_GT(all.kills, 0U);
  EXPECT_GT(all.unhealthy_kills, 0U) << "replaced after health_failures_max";
  EXPECT_GT(all.counters.workers_recovered, 0U) << "degraded, and restored";
  EXPECT_GT(all.counters.probe_failures, all.counters.workers_recovered) << "not all recover";
  EXPECT_GT(all.ok_after_retry, 0U);
  EXPECT_GT(all.counters.leases_overdue, 0U);
  EXPECT_GT(all.counters.retries, all.ok_after_retry);
  expect_affinity_went_everywhere(all);
  expect_operations_went_everywhere(all.operations);
  const NaiveCircuit::Visits& b = all.breakers;
  for (const auto& [what, count] :
       std::map<std::string, std::uint64_t>{{"opened", b.opened},
                                            {"half-opened", b.half_opened},
                                            {"reopened", b.reopened},
                                            {"expired half-open", b.expired},
                                            {"closed again", b.closed_again},
                                            {"limited", b.limited},
                                            {"stale", b.stale},
                                            {"ordered", b.ordered},
                                            {"would have opened", b.would_have_opened},
                                            {"tripped by slow calls", b.slow_trips}}) {
    EXPECT_GT(count, 0U) << what;
  }
}

SimulationReport recorded(std::uint64_t seed) {
  SimulationOptions options = swarm(seed);
  options.record = true;
  return Simulation(seed, options).run();
}

TEST(Simulation, TheSameSeedIsTheSameRun) {
  cites(51);
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const std::string trace = recorded(seed).trace;
    ASSERT_EQ(trace, recorded(seed).trace) << "seed " << seed;
    ASSERT_NE(trace, recorded(seed + 1).trace);
  }
}

TEST(Replay, OfARunGivesTheSameActions) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const SimulationReport report = recorded(seed);
    const ReplayResult result = replay(report.trace);
    ASSERT_TRUE(result.same) << result.difference;
    ASSERT_EQ(result.events, report.events);
  }
}

TEST(Replay, NamesTheFirstDifference) {
  std::string trace = recorded(1).trace;
  const auto spawn = trace.find("< spawn worker=0:1");
  ASSERT_NE(spawn, std::string::npos);
  std::string other = trace;
  other.replace(spawn, 18, "< spawn worker=0:9");
  const ReplayResult changed = replay(other);
  EXPECT_FALSE(changed.same);
  EXPECT_EQ(changed.line, 3U);
  EXPECT_EQ(changed.difference,
            "line 3: the trace says << spawn worker=0:9 overflow=0 generation=1>, the core says "
            "<< spawn worker=0:1 overflow=0 generation=1>");
}

TEST(Replay, NoticesActionsThatAreMissingOrTooMany) {
  const std::string trace = recorded(1).trace;
  const auto spawn = trace.find("< spawn");
  const auto end = trace.find('\n', spawn) + 1;
  std::string fewer = trace;
  fewer.erase(spawn, end - spawn);
  EXPECT_FALSE(replay(fewer).same);
  const std::string more = trace + "< stopped\n";
  EXPECT_NE(replay(more).difference.find("the core says <no more actions>"), std::string::npos);
}

TEST(Replay, RefusesWhatItCannotRead) {
  EXPECT_EQ(replay("").difference,
            "line 1: not_a_trace: the first line is not an ordeal-trace header");
  EXPECT_EQ(replay(recorded(1).trace + "nonsense\n").same, false);
}

}  // namespace
}  // namespace ordeal::trial
