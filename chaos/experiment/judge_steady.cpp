// The steady-state hypothesis: what a healthy pool is, before, during and after the faults, and
// when everything has been rolled back.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "chaos/experiment/judge_parts.hpp"

namespace ordeal::chaos {
namespace {

using trial::CallRecord;
using trial::History;
using trial::Outcome;

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
    if (call.outcome == Outcome::ok) latencies.push_back(ms(call.wanted_at(), call.ended_at));
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

// Of few calls: their outcomes and latencies say something, their rate does not.
void judge_after_rollback(const Hypothesis& hypothesis, const RunResult& result,
                          std::vector<std::string>& evidence) {
  if (hypothesis.probe != "ok_percent" && hypothesis.probe != "p99_ms") return;
  const Window whole{"after the rollback", TimePoint::min(), TimePoint::max()};
  const auto value = of_calls(hypothesis.probe, result.after_rollback, whole);
  if (!value) return;
  const bool low = hypothesis.min && *value < *hypothesis.min;
  const bool high = hypothesis.max && *value > *hypothesis.max;
  if (!low && !high) return;
  evidence.push_back(fmt::format("{}: {} is {:.6g}, {} {:.6g} is healthy", whole.name,
                                 hypothesis.probe, *value, low ? "at least" : "at most",
                                 low ? *hypothesis.min : *hypothesis.max));
}

}  // namespace

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
    judge_after_rollback(hypothesis, result, evidence);
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

}  // namespace ordeal::chaos
