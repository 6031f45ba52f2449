#include "chaos/experiment/verdicts.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "testing/checkers/checkers.hpp"

namespace ordeal::chaos {
namespace {

using trial::Outcome;
using trial::Verdict;

Verdict pass_if(bool good, std::string otherwise) {
  return good ? Verdict::pass() : Verdict::fail({std::move(otherwise)});
}

std::vector<trial::Kill> kills_of(const AttackResult& result) {
  std::vector<trial::Kill> kills;
  for (const Victim& victim : result.victims) {
    kills.push_back({.pid = victim.id.pid, .worker = victim.id.worker});
  }
  return kills;
}

Check check_sum(const trial::History& history) {
  return {"conservation",
          fmt::format("{} sent = {} ok + {} failed + {} indeterminate + {} lost", history.sent,
                      history.count(Outcome::ok), history.count(Outcome::failed),
                      history.count(Outcome::indeterminate), history.count(Outcome::lost)),
          trial::ConservationChecker{}.check(history)};
}

Check check_lost(const trial::History& history) {
  const std::uint64_t lost = history.count(Outcome::lost);
  return {"lost",
          fmt::format("{} lost (no outcome by deadline + {} ms)", lost, trial::lost_after.count()),
          pass_if(lost == 0, fmt::format("{} calls were lost", lost))};
}

Check check_mixed_up(const trial::History& history) {
  return {"mixed_up", fmt::format("{} mixed up (wrong nonce)", trial::count_mixed_up(history)),
          trial::MixUpChecker{}.check(history)};
}

Check check_casualties(const AttackResult& result) {
  const auto& history = result.history;
  return {"casualties",
          fmt::format("{} failed + {} indeterminate <= {} kills that struck a request in hand",
                      history.count(Outcome::failed), history.count(Outcome::indeterminate),
                      count_struck(result)),
          trial::CasualtyChecker{}.check(history, kills_of(result))};
}

Check check_struck(const AttackResult& result, const Bars& bars) {
  const auto kills = static_cast<std::uint32_t>(result.victims.size());
  const std::uint32_t hits = count_struck(result);
  const std::string sentence =
      fmt::format("{} of {} kills struck a request in hand (at least {} %)", hits, kills,
                  bars.struck_percent_min);
  if (hits * 100 >= kills * bars.struck_percent_min) return {"struck", sentence, Verdict::pass()};
  return {"struck", sentence,
          Verdict::unknown("the trial was too easy; more callers or fewer workers make it harder")};
}

Check check_service(const trial::History& history, const Bars& bars) {
  return {"service",
          fmt::format("{} of {} calls ok (at least {} %)", history.count(Outcome::ok), history.sent,
                      bars.ok_percent_min),
          trial::ServiceChecker{bars.ok_percent_min}.check(history)};
}

// Too few kills or calls, or a kill without proof: nothing is shown, so the run is no pass.
Check check_effort(const AttackResult& result, const Bars& bars) {
  const std::uint32_t proved = result.proved();
  const std::string sentence =
      fmt::format("{} of {} kills proved (at least {}), {} calls sent (at least {})", proved,
                  result.victims.size(), bars.kills_min, result.history.sent, bars.calls_min);
  if (proved < result.victims.size()) {
    return {"effort", sentence,
            Verdict::unknown(
                fmt::format("{} kills had no proved effect", result.victims.size() - proved))};
  }
  if (proved < bars.kills_min || result.history.sent < bars.calls_min) {
    return {"effort", sentence, Verdict::unknown("too few kills or calls to mean anything")};
  }
  return {"effort", sentence, Verdict::pass()};
}

Check check_dead(const AttackResult& result) {
  const auto children = std::count_if(result.victims.begin(), result.victims.end(),
                                      [](const Victim& victim) { return victim.was_child; });
  const auto kills = static_cast<std::ptrdiff_t>(result.victims.size());
  return {"really_dead",
          fmt::format("{} of {} killed processes are dead, {} were children of this process",
                      result.dead_at_end, kills, children),
          pass_if(result.dead_at_end == kills && children == kills,
                  "a process that was to be killed lives, or was none of ours")};
}

Check check_whole(const AttackPlan& plan, const AttackResult& result) {
  return {"whole_again",
          fmt::format("{} of {} workers serve at the end ({} before)", result.serving_after,
                      plan.pool.size, result.serving_before),
          pass_if(result.serving_after == plan.pool.size && result.recovered(),
                  fmt::format("the pool was not whole {} ms after the load",
                              plan.recovery_max.count()))};
}

Check check_left_behind(const AttackResult& result) {
  std::vector<std::string> evidence;
  if (!result.stop_returned) evidence.push_back("the pool's stop did not return");
  for (const ProcessSeen& process : result.left_behind) {
    evidence.push_back(fmt::format("left behind: pid {} ({}, state {})", process.pid, process.name,
                                   process.state));
  }
  return {"nothing_left",
          fmt::format("{} child processes left behind after the stop", result.left_behind.size()),
          evidence.empty() ? Verdict::pass() : Verdict::fail(std::move(evidence))};
}

}  // namespace

bool struck(const Victim& victim, const AttackResult& result) {
  return trial::struck({.pid = victim.id.pid, .worker = victim.id.worker}, result.history);
}

std::uint32_t count_struck(const AttackResult& result) {
  return static_cast<std::uint32_t>(
      std::count_if(result.victims.begin(), result.victims.end(),
                    [&result](const Victim& victim) { return struck(victim, result); }));
}

std::vector<Check> judge(const AttackPlan& plan, const AttackResult& result, const Bars& bars) {
  const trial::History& history = result.history;
  return {check_sum(history),         check_lost(history),        check_mixed_up(history),
          check_casualties(result),   check_struck(result, bars), check_service(history, bars),
          check_effort(result, bars), check_dead(result),         check_whole(plan, result),
          check_left_behind(result)};
}

Verdict overall(const std::vector<Check>& checks) {
  Verdict verdict = Verdict::pass();
  for (const Check& check : checks) verdict.add(check.verdict);
  return verdict;
}

}  // namespace ordeal::chaos
