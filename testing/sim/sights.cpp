#include "testing/sim/sights.hpp"

#include <array>
#include <utility>

namespace ordeal::trial {
namespace {

using pool::ErrorCode;
using pool::core::Counters;
using pool::core::TransitionReason;

constexpr std::array outcomes{ErrorCode::none,
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
                              ErrorCode::request_shed,
                              ErrorCode::concurrency_limited};

constexpr std::array withdrawals{TransitionReason::drained, TransitionReason::surplus,
                                 TransitionReason::rolled,  TransitionReason::requests_max,
                                 TransitionReason::age_max, TransitionReason::memory_growth};

constexpr std::array<std::pair<const char*, std::uint64_t Counters::*>, 18> counters{{
    {"a request that is put back, since its worker was found unusable", &Counters::requeued},
    {"a retry", &Counters::retries},
    {"a start that fails", &Counters::start_failures},
    {"a worker that is lost", &Counters::workers_lost},
    {"a worker that is withdrawn in favour of another", &Counters::workers_recycled},
    {"a late reply that is drained", &Counters::late_replies_drained},
    {"a ping", &Counters::probes},
    {"a ping that fails", &Counters::probe_failures},
    {"a worker that recovers", &Counters::workers_recovered},
    {"a busy worker that is found stuck", &Counters::workers_stuck},
    {"a worker that is ejected", &Counters::ejections},
    {"an affinity hit", &Counters::affinity_hits},
    {"an affinity miss", &Counters::affinity_misses},
    {"a session that is bound anew", &Counters::affinity_rebinds},
    {"a wait for a session's worker that is over", &Counters::affinity_waits_over},
    {"a binding that expires", &Counters::bindings_expired},
    {"a binding that is evicted", &Counters::bindings_evicted},
    {"a binding that is lost", &Counters::bindings_lost},
}};

void add_up(SimulationReport::Race& sum, const SimulationReport::Race& race) {
  sum.before += race.before;
  sum.after += race.after;
}

}  // namespace

void SuiteReport::add(const SimulationReport& report) {
  ++seeds_;
  sum_.events += report.events;
  sum_.virtual_time += report.virtual_time;
  sum_.counters.submitted += report.counters.submitted;
  sum_.counters.leases_overdue += report.counters.leases_overdue;
  for (const auto& [name, counter] : counters) sum_.counters.*counter += report.counters.*counter;
  for (std::size_t i = 0; i < sum_.outcomes.size(); ++i) sum_.outcomes[i] += report.outcomes[i];
  sum_.circuit_openings += report.circuit_openings;
  sum_.kills += report.kills;
  sum_.unhealthy_kills += report.unhealthy_kills;
  sum_.stuck_kills += report.stuck_kills;
  sum_.looks += report.looks;
  sum_.dumps += report.dumps;
  sum_.ok_after_retry += report.ok_after_retry;
  sum_.affinity.waited_for_worker += report.affinity.waited_for_worker;
  sum_.affinity.passed_ineligible += report.affinity.passed_ineligible;
  sum_.affinity.older_went_first += report.affinity.older_went_first;
  sum_.affinity.sessions_forgotten += report.affinity.sessions_forgotten;
  sum_.operations.add(report.operations);
  sum_.breakers.add(report.breakers);
  sum_.states.add(report.states);
  add_up(sum_.cancel_and_reply, report.cancel_and_reply);
  add_up(sum_.death_and_lease, report.death_and_lease);
  add_up(sum_.stop_and_start, report.stop_and_start);
}

std::vector<Sight> SuiteReport::sights() const {
  std::vector<Sight> all;
  for (const ErrorCode code : outcomes) {
    const auto name = code == ErrorCode::none ? "ok" : std::string{to_string(code)};
    all.push_back({"outcome " + name, sum_.outcomes[static_cast<std::size_t>(code)]});
  }
  for (const auto& [name, counter] : counters) all.push_back({name, sum_.counters.*counter});
  const CoreOracle::Operations& o = sum_.operations;
  for (const TransitionReason why : withdrawals) {
    const auto found = o.withdrawn.find(why);
    all.push_back({"a worker that is withdrawn for " + std::string{to_string(why)},
                   found == o.withdrawn.end() ? 0 : found->second});
  }
  const NaiveCircuit::Visits& b = sum_.breakers;
  const std::pair<const char*, std::uint64_t> others[] = {
      {"the start circuit opens", sum_.circuit_openings},
      {"a kill", sum_.kills},
      {"a worker that is replaced, since its health is bad", sum_.unhealthy_kills},
      {"a worker that is looked at", sum_.looks},
      {"a worker that is killed, since it is stuck", sum_.stuck_kills},
      {"stacks that are asked for before a kill", sum_.dumps},
      {"a lease that is held for too long", sum_.counters.leases_overdue},
      {"ok after a retry", sum_.ok_after_retry},
      {"strict: got its own worker, late", sum_.affinity.waited_for_worker},
      {"a younger one goes elsewhere meanwhile", sum_.affinity.passed_ineligible},
      {"a worker's own waiter gives way to an older request", sum_.affinity.older_went_first},
      {"a session that is forgotten", sum_.affinity.sessions_forgotten},
      {"a busy worker that is withdrawn", o.withdrawn_busy},
      {"a start that is given up", o.starts_given_up},
      {"a roll that is finished", o.rolls_finished},
      {"a roll whose first worker fails", o.rolls_failed_at_once},
      {"a roll of which a later worker fails", o.rolls_failed_later},
      {"turned away by a drain", o.turned_away},
      {"waits for a resume", o.waited_for_resume},
      {"a breaker opens", b.opened},
      {"a breaker half-opens", b.half_opened},
      {"a breaker opens again", b.reopened},
      {"a half-open state expires", b.expired},
      {"a breaker closes again", b.closed_again},
      {"a half-open breaker turns away", b.limited},
      {"a result of an earlier epoch", b.stale},
      {"a breaker that is set by hand", b.ordered},
      {"a breaker that only observes would have opened", b.would_have_opened},
      {"a breaker opens for slow calls", b.slow_trips},
      {"a cancel just before the reply", sum_.cancel_and_reply.before},
      {"a cancel just behind the reply", sum_.cancel_and_reply.after},
      {"a death just before its lease comes back", sum_.death_and_lease.before},
      {"a death just behind its lease's return", sum_.death_and_lease.after},
      {"a stop just before a start is over", sum_.stop_and_start.before},
      {"a stop just behind a start", sum_.stop_and_start.after},
  };
  for (const auto& [name, count] : others) all.push_back({name, count});
  for (const ModelDimension& dimension : model_dimensions()) {
    for (std::size_t value = 0; value < dimension.values.size(); ++value) {
      all.push_back(
          {"state " + std::string{dimension.name} + ": " + std::string{dimension.values[value]},
           sum_.states.visits(dimension, value)});
    }
  }
  return all;
}

std::vector<std::string> SuiteReport::never_seen() const {
  std::vector<std::string> names;
  for (const Sight& sight : sights()) {
    if (sight.count == 0) names.push_back(sight.name);
  }
  return names;
}

std::string SuiteReport::summary() const {
  return std::to_string(seeds_) + " seeds: " + std::to_string(sum_.counters.submitted) +
         " requests, " + std::to_string(sum_.events) + " events, " +
         std::to_string(sum_.states.states().size()) + " states, " +
         std::to_string(sum_.states.transitions().size()) + " transitions";
}

}  // namespace ordeal::trial
