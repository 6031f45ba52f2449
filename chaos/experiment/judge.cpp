#include "chaos/experiment/judge.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "chaos/experiment/judge_parts.hpp"
#include "testing/checkers/checkers.hpp"

namespace ordeal::chaos {
namespace {

using trial::CallRecord;
using trial::History;
using trial::Outcome;
using trial::Verdict;

constexpr std::size_t evidence_max = 5;

}  // namespace

std::string name_of(const Strike& strike) {
  return fmt::format("strike {} ({}, worker {}, pid {})", strike.number, strike.kind->name,
                     strike.id.worker, strike.id.pid);
}

bool was_undone(const Strike& strike) { return has(strike.undone_at) && !strike.undo_missed; }

bool went_wrong(const CallRecord& call) {
  const bool as_wanted =
      call.gave_up && (call.code == "cancelled" || call.code == "cancelled_in_flight");
  return !as_wanted && (call.outcome == Outcome::failed || call.outcome == Outcome::indeterminate);
}

bool beside_operations(const CallRecord& call, const RunResult& result) {
  if (result.operations.empty()) return false;
  const TimePoint end = has(result.settled_at) ? result.settled_at : TimePoint::max();
  return call.ended_at + judge_slack >= result.operations.front().at &&
         (end == TimePoint::max() || call.submitted_at <= end + judge_slack);
}

bool beside_stop(const CallRecord& call, const RunResult& result) {
  return has(result.stop_at) && call.ended_at + judge_slack >= result.stop_at;
}

bool beside(const CallRecord& call, const Strike& strike) {
  const TimePoint end = has(strike.recovered_at) ? strike.recovered_at : TimePoint::max();
  return was_injected(strike) && call.ended_at + judge_slack >= strike.injected_at &&
         (end == TimePoint::max() || call.submitted_at <= end + judge_slack);
}

Verdict fail_if(std::vector<std::string> evidence) {
  if (evidence.size() > evidence_max) {
    const std::size_t more = evidence.size() - evidence_max;
    evidence.resize(evidence_max);
    evidence.push_back(fmt::format("and {} more", more));
  }
  return evidence.empty() ? Verdict::pass() : Verdict::fail(std::move(evidence));
}

namespace {

Verdict conserved(const RunResult& result) {
  Verdict verdict = trial::ConservationChecker{}.check(result.history);
  if (result.after_rollback.sent > 0) {
    verdict.add(trial::ConservationChecker{}.check(result.after_rollback));
  }
  return verdict;
}

Check check_outcomes(const RunResult& result) {
  const History& history = result.history;
  return {"outcomes",
          fmt::format("{} sent = {} ok + {} failed + {} indeterminate + {} lost", history.sent,
                      history.count(Outcome::ok), history.count(Outcome::failed),
                      history.count(Outcome::indeterminate), history.count(Outcome::lost)),
          conserved(result)};
}

Check check_mixed_up(const RunResult& result) {
  return {"mixed_up",
          fmt::format("{} replies went to a wrong caller", trial::count_mixed_up(result.history)),
          trial::MixUpChecker{}.check(result.history)};
}

Check check_service(const RunResult& result, const RunBars& bars) {
  return {"service",
          fmt::format("{} of {} calls ok (at least {} %)", result.history.count(Outcome::ok),
                      result.history.sent, bars.ok_percent_min),
          trial::ServiceChecker{bars.ok_percent_min}.check(result.history)};
}

// Whoever is answered too late asks less often: then the load was not the one that was asked for.
Check check_load(const Plan& plan, const RunResult& result) {
  const std::uint64_t sent = std::min(result.history.sent, result.due);
  std::vector<std::string> evidence;
  if (sent * 100 < result.due * plan.bars.begun_percent_min) {
    evidence.push_back(fmt::format("at least {} % must be begun: all {} callers were busy",
                                   plan.bars.begun_percent_min, plan.load.callers));
  }
  return {"load", fmt::format("{} of {} calls that were due were begun", sent, result.due),
          fail_if(std::move(evidence))};
}

// What is not idempotent is handed to a worker once at most, whatever happens.
Check check_executed_once(const Plan& plan, const RunResult& result) {
  if (plan.load.idempotent) {
    return {"executed_once", "idempotent calls may run twice", Verdict::pass()};
  }
  std::vector<std::string> evidence;
  for (const auto& [nonce, times] : result.executions) {
    if (times > 1) evidence.push_back(fmt::format("call {} was executed {} times", nonce, times));
  }
  return {"executed_once",
          fmt::format("{} calls reached a worker, none of them twice", result.executions.size()),
          fail_if(std::move(evidence))};
}

Check check_proved(const Plan& plan, const RunResult& result) {
  std::vector<std::string> doubts;
  std::uint32_t injected = 0;
  std::uint32_t proved = 0;
  for (const Strike& strike : result.strikes) {
    if (!was_injected(strike)) continue;
    ++injected;
    proved += strike.was_proved ? 1 : 0;
    if (!strike.was_proved) doubts.push_back("not proved: " + name_of(strike));
  }
  for (const auto& [name, reason] : result.not_permitted) {
    doubts.push_back(fmt::format("not run: {}: {}", name, reason));
  }
  for (const std::size_t entry : result.never_fired) {
    doubts.push_back(fmt::format("never injected: {}", plan.faults[entry].kind->name));
  }
  if (!result.not_steady.empty()) doubts.push_back("no steady state: " + result.not_steady);
  if (result.interrupted) doubts.push_back("the run was interrupted");
  if (proved < plan.bars.strikes_min || result.history.sent < plan.bars.calls_min) {
    doubts.push_back(fmt::format("too little to mean anything: at least {} faults and {} calls",
                                 plan.bars.strikes_min, plan.bars.calls_min));
  }
  Verdict verdict = Verdict::pass();
  for (std::string& doubt : doubts) verdict.add(Verdict::unknown(std::move(doubt)));
  return {"proved", fmt::format("{} of {} faults proved", proved, injected), verdict};
}

// A fault that stays is a defect of the fault or the machine, and says nothing about the pool.
Check check_undone(const RunResult& result) {
  Verdict verdict = Verdict::pass();
  std::uint32_t undone = 0;
  for (const Strike& strike : result.strikes) {
    if (!was_injected(strike) || !strike.kind->undoes) continue;
    if (was_undone(strike)) {
      ++undone;
    } else {
      verdict.add(
          Verdict::unknown(fmt::format("not undone: {}: {}", name_of(strike), strike.reason)));
    }
  }
  return {"undone", fmt::format("{} faults undone, and seen to be", undone), verdict};
}

// What a pool ought to be after the faults, it cannot be asked for as long as one of them stays.
void excuse(std::vector<Check>& checks, const RunResult& result) {
  const bool all_undone =
      std::all_of(result.strikes.begin(), result.strikes.end(), [](const Strike& strike) {
        return !was_injected(strike) || !strike.kind->undoes || was_undone(strike);
      });
  if (all_undone) return;
  for (Check& check : checks) {
    const bool of_health = check.name == "recovered" || check.name == "progress" ||
                           check.name == "service" || check.name == "steady_state";
    if (!of_health || check.verdict.kind() != Verdict::Kind::fail) continue;
    check.verdict = Verdict::unknown("a fault was not undone: " + check.verdict.evidence().front());
  }
}

// --- what is left ------------------------------------------------------------------------------

Check check_left_behind(const Plan& plan, const RunResult& result) {
  std::vector<std::string> evidence;
  if (!result.stop_returned) evidence.push_back("the pool's stop did not return");
  for (const ProcessSeen& process : result.left_behind) {
    evidence.push_back(fmt::format("left behind: pid {} ({}, state {})", process.pid, process.name,
                                   process.state));
  }
  const auto grown = static_cast<std::int64_t>(result.after.descriptors) -
                     static_cast<std::int64_t>(result.before.descriptors);
  if (grown > static_cast<std::int64_t>(plan.bars.fds_grown_max)) {
    evidence.push_back(fmt::format("{} descriptors more than before the pool", grown));
  }
  const std::int64_t grown_mib = (result.after.rss_kib - result.before.rss_kib) / 1024;
  if (grown_mib > static_cast<std::int64_t>(plan.bars.rss_grown_mib_max)) {
    evidence.push_back(fmt::format("the host has grown by {} MiB", grown_mib));
  }
  return {"nothing_left",
          fmt::format("{} processes left behind, {} descriptors and {} MiB more than before",
                      result.left_behind.size(), std::max<std::int64_t>(0, grown), grown_mib),
          fail_if(std::move(evidence))};
}

Check check_events(const Plan& plan, const RunResult& result) {
  std::vector<std::string> evidence;
  for (const auto& [name, least] : plan.bars.events_min) {
    const auto seen = result.events.find(name);
    const std::uint64_t count = seen == result.events.end() ? 0 : seen->second;
    if (count < least)
      evidence.push_back(fmt::format("{} came {} times, not {}", name, count, least));
  }
  if (plan.bars.spawns_max > 0 && result.status.spawns > plan.bars.spawns_max) {
    evidence.push_back(fmt::format("a storm of restarts: {} starts, at most {} are sound",
                                   result.status.spawns, plan.bars.spawns_max));
  }
  return {"events",
          fmt::format("{} starts of workers; {} kinds of events asked for", result.status.spawns,
                      plan.bars.events_min.size()),
          fail_if(std::move(evidence))};
}

}  // namespace

namespace {

Check check_promises(const RunResult& result) {
  Check check{"promises", "each promise of the pool looked at, in the record of its core",
              Verdict::pass()};
  if (!result.broken_promise) {
    check.verdict = Verdict::unknown("there is no whole record");
  } else if (!result.broken_promise->empty()) {
    check.verdict = Verdict::fail({*result.broken_promise});
  }
  return check;
}

}  // namespace

std::vector<Check> judge_run(const Plan& plan, const RunResult& result) {
  std::vector<Check> checks{
      check_outcomes(result),     check_mixed_up(result),           check_blast_radius(result),
      check_right_errors(result), check_service(result, plan.bars), check_proved(plan, result),
      check_undone(result),       check_noticed(plan, result)};
  // Who was stopped amidst could not heal.
  if (!has(result.stop_at)) {
    checks.push_back(check_recovered(plan, result));
    checks.push_back(check_progress(plan, result));
  }
  checks.push_back(check_left_behind(plan, result));
  checks.push_back(check_events(plan, result));
  if (!plan.load.rate.empty()) checks.push_back(check_load(plan, result));
  if (plan.bars.promises) checks.push_back(check_promises(result));
  if (result.with_executions) checks.push_back(check_executed_once(plan, result));
  if (!plan.steady.empty() && !has(result.stop_at)) checks.push_back(check_steady(plan, result));
  if (result.sessions.checked) checks.push_back(check_sessions(result));
  const bool with_affinity = plan.load.affinity != pool::AffinityPolicy::none;
  if (result.sessions.checked && with_affinity) checks.push_back(check_affinity(plan, result));
  excuse(checks, result);
  return checks;
}

}  // namespace ordeal::chaos
