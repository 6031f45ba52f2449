// What the faults did to calls, how soon they were noticed, and how soon all was well again.
#include <fmt/format.h>

#include <algorithm>

#include "chaos/experiment/account.hpp"
#include "chaos/experiment/judge_parts.hpp"
#include "chaos/faults/causes.hpp"

namespace ordeal::chaos {

using trial::CallRecord;
using trial::Outcome;

// Each call that did not end ok was under way while some fault had its effect.
Check check_blast_radius(const RunResult& result) {
  std::vector<std::string> evidence;
  std::uint64_t hurt = 0;
  for (const CallRecord& call : result.history.calls) {
    if (!went_wrong(call)) continue;
    ++hurt;
    const bool explained =
        beside_operations(call, result) || beside_stop(call, result) ||
        std::any_of(result.strikes.begin(), result.strikes.end(),
                    [&call](const Strike& strike) { return beside(call, strike); });
    if (!explained) {
      evidence.push_back(fmt::format("call {} failed with no fault about: {}, {}",
                                     to_string(call.nonce), call.code, call.message));
    }
  }
  return {"blast_radius", fmt::format("{} calls did not end ok, all of them beside a fault", hurt),
          fail_if(std::move(evidence))};
}

// Beside a fault, but with an error that no fault about may cause.
Check check_right_errors(const RunResult& result) {
  std::vector<std::string> evidence;
  std::uint64_t hurt = 0;
  for (const CallRecord& call : result.history.calls) {
    if (!went_wrong(call)) continue;
    ++hurt;
    std::string about;
    bool right = false;
    if (beside_operations(call, result)) {
      about = "operations";
      right = operations_may_cause(call.code);
    }
    if (beside_stop(call, result)) {
      about += about.empty() ? "the stop" : ", the stop";
      right = right || stop_may_cause(call.code);
    }
    for (const Strike& strike : result.strikes) {
      if (!beside(call, strike)) continue;
      right = right || may_cause(*strike.kind, call.code);
      const std::string name{strike.kind->name};
      if (about.find(name) == about.npos) about += (about.empty() ? "" : ", ") + name;
    }
    if (!right && !about.empty()) {
      evidence.push_back(
          fmt::format("call {} failed with {}, which no fault about ({}) may cause: {}",
                      to_string(call.nonce), call.code, about, call.message));
    }
  }
  return {"right_errors", fmt::format("{} errors fit the faults that were about", hurt),
          fail_if(std::move(evidence))};
}

// A death is the pool's to notice, and its callers' to be told of: not at their deadline.
Check check_noticed(const Plan& plan, const RunResult& result) {
  std::vector<std::string> evidence;
  std::uint32_t deaths = 0;
  double worst = 0;
  const milliseconds allowed = plan.bars.notice_max;
  for (const Strike& strike : result.strikes) {
    const bool died = was_injected(strike) && strike.kind->kills && strike.was_proved;
    if (!died || strike.id.worker == 0) continue;
    // A pool that stops need not notice who is gone.
    if (has(result.stop_at) && strike.injected_at + plan.bars.notice_max > result.stop_at) continue;
    ++deaths;
    if (!has(strike.detected_at)) {
      evidence.push_back(name_of(strike) + ": the pool has not noticed that it died");
      continue;
    }
    const double took = ms(strike.injected_at, strike.detected_at);
    worst = std::max(worst, took);
    if (took > static_cast<double>(allowed.count())) {
      evidence.push_back(fmt::format("{}: noticed after {:.0f} ms", name_of(strike), took));
    }
    for (const CallRecord& call : result.history.calls) {
      const bool its = (call.death && call.death->pid == strike.id.pid) ||
                       (call.worker == strike.id.worker && went_wrong(call));
      if (!its || call.submitted_at > strike.proved_at) continue;
      if (call.ended_at <= strike.proved_at + allowed || call.attempts > 1) continue;
      evidence.push_back(fmt::format("{}: its caller was told {:.0f} ms later ({}, call {})",
                                     name_of(strike), ms(strike.proved_at, call.ended_at),
                                     call.code, to_string(call.nonce)));
    }
  }
  return {"noticed",
          fmt::format("{} deaths noticed, each within {:.0f} ms (allowed {})", deaths, worst,
                      allowed.count()),
          fail_if(std::move(evidence))};
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
  const double first_ok_max = static_cast<double>(plan.bars.first_ok_max.count());
  const std::vector<StrikeAccount> accounts = account_of(result);
  for (std::size_t i = 0; first_ok_max > 0 && i < accounts.size(); ++i) {
    if (!was_injected(result.strikes[i])) continue;
    if (accounts[i].first_ok_ms && *accounts[i].first_ok_ms <= first_ok_max) continue;
    evidence.push_back(fmt::format(
        "{}: {}", name_of(result.strikes[i]),
        accounts[i].first_ok_ms
            ? fmt::format("the next call that ended ok did so after {:.0f} ms, at most {:.0f} may "
                          "pass",
                          *accounts[i].first_ok_ms, first_ok_max)
            : "no call begun after it ended ok"));
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

// A healthy pool makes progress when the faults are over: so many calls, however long they take.
Check check_progress(const Plan& plan, const RunResult& result) {
  const auto answered = static_cast<std::uint64_t>(std::count_if(
      result.history.calls.begin(), result.history.calls.end(), [&](const CallRecord& call) {
        return call.outcome == Outcome::ok && call.submitted_at >= result.quiet_began;
      }));
  std::vector<std::string> evidence;
  if (answered < plan.bars.progress_min) {
    evidence.push_back(
        fmt::format("{} calls that began after the faults ended ok, at least {} must", answered,
                    plan.bars.progress_min));
  }
  return {"progress", fmt::format("{} calls begun after the faults ended ok", answered),
          fail_if(std::move(evidence))};
}

}  // namespace ordeal::chaos
