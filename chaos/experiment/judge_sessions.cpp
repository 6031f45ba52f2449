// What sessions were promised: nothing acknowledged is lost, and calls stay with their worker.
#include <fmt/format.h>

#include "chaos/experiment/judge_parts.hpp"

namespace ordeal::chaos {

Check check_sessions(const RunResult& result) {
  std::vector<std::string> evidence;
  SessionSeen sum;
  for (std::size_t number = 0; number < result.sessions.sessions.size(); ++number) {
    const SessionSeen& seen = result.sessions.sessions[number];
    sum.acknowledged += seen.acknowledged;
    sum.unknown += seen.unknown;
    sum.found += seen.found;
    if (seen.found < seen.acknowledged) {
      evidence.push_back(fmt::format("session {}: {} updates were acknowledged, the store has {}",
                                     number, seen.acknowledged, seen.found));
    }
    if (seen.found > seen.acknowledged + seen.unknown) {
      evidence.push_back(fmt::format("session {}: the store has {} updates, {} were made", number,
                                     seen.found, seen.acknowledged + seen.unknown));
    }
  }
  for (const OtherHostSession& other : result.sessions.of_other_hosts) {
    sum.acknowledged += other.acknowledged;
    sum.found += other.found;
    if (other.found >= other.acknowledged) continue;
    evidence.push_back(
        fmt::format("session {} of a host that was killed: {} updates were acknowledged, the store "
                    "has {}",
                    other.name, other.acknowledged, other.found));
  }
  return {"sessions",
          fmt::format("{} updates of {} sessions acknowledged, {} found, {} ended with an error",
                      sum.acknowledged, result.sessions.sessions.size(), sum.found, sum.unknown),
          fail_if(std::move(evidence))};
}

// By the worker that each call came back from, not by what the pool says of it.
Check check_affinity(const Plan& plan, const RunResult& result) {
  std::vector<std::string> evidence;
  std::uint64_t kept = 0;
  std::uint64_t all = 0;
  for (std::size_t number = 0; number < result.sessions.sessions.size(); ++number) {
    const SessionSeen& seen = result.sessions.sessions[number];
    kept += seen.kept;
    all += seen.kept + seen.moved;
    if (seen.calm_sent > 0 && seen.calm_ok == 0) {
      evidence.push_back(
          fmt::format("session {} was served no more: {} calls begun after the faults, none ok; "
                      "its last worker was {}",
                      number, seen.calm_sent, seen.last_worker));
    }
  }
  const double percent =
      all == 0 ? 0 : 100.0 * static_cast<double>(kept) / static_cast<double>(all);
  if (percent < plan.bars.affinity_percent_min) {
    evidence.push_back(fmt::format("at least {} % must be", plan.bars.affinity_percent_min));
  }
  return {"affinity",
          fmt::format("{} of {} calls in sessions were served by the worker of the one before: "
                      "{:.1f} %",
                      kept, all, percent),
          fail_if(std::move(evidence))};
}

}  // namespace ordeal::chaos
