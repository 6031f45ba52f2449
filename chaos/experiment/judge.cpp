#include "chaos/experiment/judge.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "testing/checkers/checkers.hpp"

namespace ordeal::chaos {
namespace {

using trial::CallRecord;
using trial::History;
using trial::Outcome;
using trial::Verdict;

constexpr std::size_t evidence_max = 5;
// A clock reading of the run's thread may be this much behind what a caller saw.
constexpr milliseconds slack{50};

bool has(TimePoint at) { return at != TimePoint{}; }
double ms(TimePoint from, TimePoint to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}
bool was_injected(const Strike& strike) {
  return strike.state != Strike::State::skipped && has(strike.injected_at);
}
std::string name_of(const Strike& strike) {
  return fmt::format("strike {} ({}, worker {}, pid {})", strike.number, strike.kind->name,
                     strike.id.worker, strike.id.pid);
}

Verdict fail_if(std::vector<std::string> evidence) {
  if (evidence.size() > evidence_max) {
    const std::size_t more = evidence.size() - evidence_max;
    evidence.resize(evidence_max);
    evidence.push_back(fmt::format("and {} more", more));
  }
  return evidence.empty() ? Verdict::pass() : Verdict::fail(std::move(evidence));
}

Check check_outcomes(const RunResult& result) {
  const History& history = result.history;
  return {"outcomes",
          fmt::format("{} sent = {} ok + {} failed + {} indeterminate + {} lost", history.sent,
                      history.count(Outcome::ok), history.count(Outcome::failed),
                      history.count(Outcome::indeterminate), history.count(Outcome::lost)),
          trial::ConservationChecker{}.check(history)};
}

Check check_mixed_up(const RunResult& result) {
  return {"mixed_up",
          fmt::format("{} replies went to a wrong caller", trial::count_mixed_up(result.history)),
          trial::MixUpChecker{}.check(result.history)};
}

// Each call that did not end ok was under way while some fault had its effect.
Check check_blast_radius(const RunResult& result) {
  std::vector<std::string> evidence;
  std::uint64_t hurt = 0;
  for (const CallRecord& call : result.history.calls) {
    if (call.outcome != Outcome::failed && call.outcome != Outcome::indeterminate) continue;
    ++hurt;
    const bool explained =
        std::any_of(result.strikes.begin(), result.strikes.end(), [&call](const Strike& strike) {
          const TimePoint end = has(strike.recovered_at) ? strike.recovered_at : TimePoint::max();
          return was_injected(strike) && call.ended_at + slack >= strike.injected_at &&
                 (end == TimePoint::max() || call.submitted_at <= end + slack);
        });
    if (!explained) {
      evidence.push_back(
          fmt::format("a call failed with no fault about: {}, {}", call.code, call.message));
    }
  }
  return {"blast_radius", fmt::format("{} calls did not end ok, all of them beside a fault", hurt),
          fail_if(std::move(evidence))};
}

Check check_service(const RunResult& result, const RunBars& bars) {
  return {"service",
          fmt::format("{} of {} calls ok (at least {} %)", result.history.count(Outcome::ok),
                      result.history.sent, bars.ok_percent_min),
          trial::ServiceChecker{bars.ok_percent_min}.check(result.history)};
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
  if (proved < plan.bars.strikes_min || result.history.sent < plan.bars.calls_min) {
    doubts.push_back(fmt::format("too little to mean anything: at least {} faults and {} calls",
                                 plan.bars.strikes_min, plan.bars.calls_min));
  }
  Verdict verdict = Verdict::pass();
  for (std::string& doubt : doubts) verdict.add(Verdict::unknown(std::move(doubt)));
  return {"proved", fmt::format("{} of {} faults proved", proved, injected), verdict};
}

bool was_undone(const Strike& strike) { return has(strike.undone_at) && !strike.undo_missed; }

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

Check check_recovered(const Plan& plan, const RunResult& result) {
  std::vector<std::string> evidence;
  double worst = 0;
  std::uint32_t recovered = 0;
  for (const Strike& strike : result.strikes) {
    if (!was_injected(strike)) continue;
    if (!has(strike.recovered_at)) {
      evidence.push_back(name_of(strike) + ": the pool was not whole again");
      continue;
    }
    ++recovered;
    const TimePoint healed = has(strike.undone_at) ? strike.undone_at : strike.injected_at;
    const double took = ms(healed, strike.recovered_at);
    worst = std::max(worst, took);
    if (took > static_cast<double>(plan.recovery_max.count())) {
      evidence.push_back(fmt::format("{}: whole again after {:.0f} ms", name_of(strike), took));
    }
  }
  if (!result.whole) {
    evidence.push_back(
        fmt::format("the pool was not whole {} ms after the load", plan.recovery_max.count()));
  }
  return {"recovered",
          fmt::format("whole again after each of {} faults, at most {:.0f} ms later (allowed {})",
                      recovered, worst, plan.recovery_max.count()),
          fail_if(std::move(evidence))};
}

// A healthy pool makes progress when the faults are over.
Check check_progress(const RunResult& result) {
  const auto answered = std::count_if(
      result.history.calls.begin(), result.history.calls.end(), [&](const CallRecord& call) {
        return call.outcome == Outcome::ok && call.submitted_at >= result.quiet_began;
      });
  return {"progress", fmt::format("{} calls begun after the faults ended ok", answered),
          answered > 0 ? Verdict::pass()
                       : Verdict::fail({"no call that began after the faults ended ok"})};
}

// --- the steady state --------------------------------------------------------------------------

struct Window {
  std::string_view name;
  TimePoint from, to;
  bool at_rest = true;
};

std::optional<double> of_calls(const std::string& probe, const History& history,
                               const Window& window) {
  std::uint64_t ended = 0;
  std::vector<double> latencies;
  for (const CallRecord& call : history.calls) {
    if (call.submitted_at < window.from || call.ended_at > window.to) continue;
    ++ended;
    if (call.outcome == Outcome::ok) latencies.push_back(ms(call.submitted_at, call.ended_at));
  }
  if (ended == 0) return {};
  const auto ok = static_cast<double>(latencies.size());
  if (probe == "ok_percent") return 100.0 * ok / static_cast<double>(ended);
  if (probe == "throughput_per_s") return ok * 1'000 / std::max(1.0, ms(window.from, window.to));
  if (latencies.empty()) return {};
  std::sort(latencies.begin(), latencies.end());
  return latencies[static_cast<std::size_t>(std::ceil(0.99 * ok)) - 1];
}

// The worst of the samples; empty if there is none.
std::optional<double> of_samples(const std::string& probe, const std::vector<Sample>& samples,
                                 const Window& window, bool want_least) {
  std::optional<double> worst;
  for (const Sample& sample : samples) {
    if (sample.at < window.from || sample.at > window.to) continue;
    const double value = probe == "queue_depth" ? sample.queue_depth : sample.serving;
    if (!worst || (want_least ? value < *worst : value > *worst)) worst = value;
  }
  return worst;
}

void judge_hypothesis(const Hypothesis& hypothesis, const RunResult& result, const Window& window,
                      std::vector<std::string>& evidence) {
  const auto min = window.at_rest ? hypothesis.min : hypothesis.during_min;
  const auto max = window.at_rest ? hypothesis.max : hypothesis.during_max;
  const bool sampled = hypothesis.probe == "workers_serving" || hypothesis.probe == "queue_depth";
  const auto value_of = [&](bool want_least) {
    return sampled ? of_samples(hypothesis.probe, result.samples, window, want_least)
                   : of_calls(hypothesis.probe, result.history, window);
  };
  const auto least = value_of(true);
  const auto most = value_of(false);
  if (min && least && *least < *min) {
    evidence.push_back(fmt::format("{}: {} is {:.6g}, at least {:.6g} is healthy", window.name,
                                   hypothesis.probe, *least, *min));
  }
  if (max && most && *most > *max) {
    evidence.push_back(fmt::format("{}: {} is {:.6g}, at most {:.6g} is healthy", window.name,
                                   hypothesis.probe, *most, *max));
  }
}

Check check_steady(const Plan& plan, const RunResult& result) {
  std::vector<std::string> evidence;
  std::vector<Window> windows;
  TimePoint healed = result.quiet_began;
  for (const Strike& strike : result.strikes) healed = std::max(healed, strike.recovered_at);
  if (has(result.first_fault)) {
    windows = {{"before", result.load_began, result.first_fault},
               {"during", result.first_fault, result.load_ended, false}};
    if (healed < result.load_ended) windows.push_back({"after", healed, result.load_ended});
  }
  for (const Hypothesis& hypothesis : plan.steady) {
    for (const Window& window : windows) judge_hypothesis(hypothesis, result, window, evidence);
    const auto serving = static_cast<double>(
        std::count_if(result.status.workers.begin(), result.status.workers.end(), serves));
    if (hypothesis.probe == "workers_serving" && hypothesis.min && serving < *hypothesis.min) {
      evidence.push_back(fmt::format("after the rollback: {} workers serve", serving));
    }
  }
  return {"steady_state",
          fmt::format("{} probes, before, during and after {}", plan.steady.size(),
                      windows.empty() ? "(no fault was injected)" : "the faults"),
          fail_if(std::move(evidence))};
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

Check check_sessions(const RunResult& result) {
  const SessionAccount& account = result.sessions;
  std::vector<std::string> evidence;
  if (account.checked && account.found < account.acknowledged) {
    evidence.push_back(fmt::format("{} updates were acknowledged, the store has {}",
                                   account.acknowledged, account.found));
  }
  if (account.checked && account.found > account.acknowledged + account.unknown) {
    evidence.push_back(fmt::format("the store has {} updates, {} were made", account.found,
                                   account.acknowledged + account.unknown));
  }
  return {"sessions",
          fmt::format("{} updates acknowledged, {} found, {} ended with an error",
                      account.acknowledged, account.found, account.unknown),
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

std::vector<Check> judge_run(const Plan& plan, const RunResult& result) {
  std::vector<Check> checks{check_outcomes(result),          check_mixed_up(result),
                            check_blast_radius(result),      check_service(result, plan.bars),
                            check_proved(plan, result),      check_undone(result),
                            check_recovered(plan, result),   check_progress(result),
                            check_left_behind(plan, result), check_events(plan, result)};
  if (result.with_executions) checks.push_back(check_executed_once(plan, result));
  if (!plan.steady.empty()) checks.push_back(check_steady(plan, result));
  if (result.sessions.checked) checks.push_back(check_sessions(result));
  excuse(checks, result);
  return checks;
}

}  // namespace ordeal::chaos
