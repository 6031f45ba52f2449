#include "chaos/experiment/summary.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "testing/checkers/checkers.hpp"

namespace ordeal::chaos {
namespace {

using json = nlohmann::ordered_json;
using trial::Outcome;

double milliseconds_between(TimePoint from, TimePoint to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

TimePoint first_submit(const trial::History& history) {
  TimePoint first = TimePoint::max();
  for (const trial::CallRecord& call : history.calls) first = std::min(first, call.submitted_at);
  return first;
}

json calls_json(const trial::History& history) {
  std::map<std::string, std::uint64_t> by_code;
  for (const trial::CallRecord& call : history.calls) {
    if (!call.code.empty()) ++by_code[call.code];
  }
  const std::uint64_t ok = history.count(Outcome::ok);
  const std::uint64_t failed = history.count(Outcome::failed);
  const std::uint64_t indeterminate = history.count(Outcome::indeterminate);
  const std::uint64_t lost = history.count(Outcome::lost);
  return {{"sent", history.sent},
          {"ok", ok},
          {"failed", failed},
          {"indeterminate", indeterminate},
          {"lost", lost},
          {"sum_of_outcomes", ok + failed + indeterminate + lost},
          {"mixed_up", trial::count_mixed_up(history)},
          {"by_error_code", by_code}};
}

json kills_json(const AttackResult& result, int signal) {
  const TimePoint start = first_submit(result.history);
  json kills = json::array();
  for (const Victim& victim : result.victims) {
    json kill{{"pid", victim.id.pid},
              {"worker", victim.id.worker},
              {"signal", signal},
              {"target", to_string(victim.target)},
              {"at_ms", milliseconds_between(start, victim.injected_at)},
              {"state", to_string(victim.state)},
              {"request_in_hand", struck(victim, result)},
              {"proved_after_ms", nullptr},
              {"recovered_after_ms", nullptr}};
    if (victim.state >= Victim::State::proved) {
      kill["proved_after_ms"] = milliseconds_between(victim.injected_at, victim.proved_at);
    }
    if (victim.state == Victim::State::recovered) {
      kill["recovered_after_ms"] = milliseconds_between(victim.injected_at, victim.recovered_at);
    }
    kills.push_back(std::move(kill));
  }
  return kills;
}

json checks_json(const std::vector<Check>& checks) {
  json list = json::array();
  for (const Check& check : checks) {
    list.push_back({{"name", check.name},
                    {"sentence", check.sentence},
                    {"verdict", to_string(check.verdict.kind())},
                    {"evidence", check.verdict.evidence()}});
  }
  return list;
}

}  // namespace

pool::Result<void> write_summary(const std::string& file, const AttackPlan& plan,
                                 const AttackResult& result, const std::vector<Check>& checks) {
  const trial::LatencySummary latency = trial::summarize_latency(result.history);
  json left_behind = json::array();
  for (const ProcessSeen& process : result.left_behind) left_behind.push_back(process.pid);
  const json summary{{"schema", 1},
                     {"title", plan.title},
                     {"verdict", to_string(overall(checks).kind())},
                     {"checks", checks_json(checks)},
                     {"seed", plan.seed},
                     {"pool_seed", plan.pool.seed.value_or(0)},
                     {"callers", plan.load.callers},
                     {"load_lasted_ms", result.load_lasted.count()},
                     {"pool",
                      {{"size", plan.pool.size},
                       {"serving_before", result.serving_before},
                       {"serving_after", result.serving_after},
                       {"workers_lost", result.status.workers_lost},
                       {"spawns", result.status.spawns},
                       {"requeued", result.status.requeued},
                       {"left_behind_pids", left_behind}}},
                     {"calls", calls_json(result.history)},
                     {"latency_us",
                      {{"count", latency.count},
                       {"p50", latency.p50_us},
                       {"p90", latency.p90_us},
                       {"p99", latency.p99_us},
                       {"p99_9", latency.p999_us},
                       {"max", latency.max_us}}},
                     {"kills_proved", result.proved()},
                     {"kills_struck", count_struck(result)},
                     {"kills_skipped", result.skipped},
                     {"kills", kills_json(result, plan.kill.signal)}};
  const std::filesystem::path path{file};
  std::error_code ignored;
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), ignored);
  std::ofstream stream{path};
  stream << summary.dump(2, ' ', false, json::error_handler_t::replace) << "\n";
  stream.flush();
  if (stream) return {};
  return tl::unexpected(
      pool::make_error(pool::ErrorCode::invalid_option, fmt::format("{}: cannot write", file)));
}

}  // namespace ordeal::chaos
