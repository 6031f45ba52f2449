#include "perf/stats/validity.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "perf/stats/numbers.hpp"

namespace ordeal::perf {
namespace {

double steal_share(const RunConditions& run) {
  return run.duration_s > 0 ? run.steal_s / run.duration_s : 0;
}

// Above the median by jump_mads, and by `least` however calm the others are.
double jump_limit(const std::vector<double>& values, double least, const Rules& rules) {
  return median(values) + std::max(least, rules.jump_mads * scaled_mad(values));
}

}  // namespace

SessionNorm session_norm(const std::vector<const RunConditions*>& runs, const Rules& rules) {
  SessionNorm norm;
  if (runs.empty()) return norm;
  std::map<std::string, double> least;
  std::vector<double> switches;
  std::vector<double> steal;
  for (const auto* run : runs) {
    for (const auto& block : run->control) {
      const auto [place, is_new] = least.try_emplace(block.name, block.value);
      if (!is_new) place->second = std::min(place->second, block.value);
    }
    switches.push_back(run->nivcsw);
    steal.push_back(steal_share(*run));
  }
  for (const auto& [name, value] : least) norm.control_min.push_back({name, value});
  norm.nivcsw_max = jump_limit(switches, rules.switches_jump_min, rules);
  norm.steal_share_max = jump_limit(steal, rules.steal_share_min, rules);
  return norm;
}

std::string why_invalid(const RunConditions& run, const SessionNorm& norm, const Rules& rules) {
  for (const auto& block : run.control) {
    const auto best = std::find_if(norm.control_min.begin(), norm.control_min.end(),
                                   [&](const auto& one) { return one.name == block.name; });
    if (best == norm.control_min.end()) continue;
    const double excess = block.value / best->value - 1;
    if (excess > rules.control_excess_max) {
      return fmt::format("control {} {:.0f} % over the session's best", block.name, 100 * excess);
    }
  }
  if (run.nivcsw > norm.nivcsw_max) {
    return fmt::format("{} involuntary switches, the session's limit is {:.0f}", run.nivcsw,
                       norm.nivcsw_max);
  }
  if (steal_share(run) > norm.steal_share_max) {
    return fmt::format("{:.0f} % of its time stolen", 100 * steal_share(run));
  }
  return {};
}

std::vector<std::string> steady_controls(const std::vector<StageConditions>& stages,
                                         const Rules& rules) {
  std::map<std::string, std::vector<double>> blocks;
  for (const auto& stage : stages) {
    for (const auto* runs : {&stage.old_runs, &stage.new_runs}) {
      for (const auto& run : *runs) {
        for (const auto& block : run.control) blocks[block.name].push_back(block.value);
      }
    }
  }
  std::vector<std::string> all;
  std::vector<std::string> steady;
  for (const auto& [name, values] : blocks) {
    all.push_back(name);
    const double best = *std::min_element(values.begin(), values.end());
    const double limit = best * (1 + rules.control_excess_max);
    if (quantile(values, rules.steady_share_min) <= limit) steady.push_back(name);
  }
  return steady.empty() ? all : steady;
}

CaseValidity check_validity(const CasePairs& one, const Rules& rules) {
  CaseValidity validity;
  std::vector<const RunConditions*> runs;
  for (const auto& stage : one.conditions) {
    for (const auto& run : stage.old_runs) runs.push_back(&run);
    for (const auto& run : stage.new_runs) runs.push_back(&run);
  }
  const SessionNorm norm = session_norm(runs, rules);
  for (std::size_t s = 0; s < one.metrics.front().stages.size(); ++s) {
    const std::size_t pairs = one.metrics.front().stages[s].old_values.size();
    StageValidity stage{std::vector<bool>(pairs, true), {}};
    for (std::size_t i = 0; s < one.conditions.size() && i < pairs; ++i) {
      std::string why = why_invalid(one.conditions[s].old_runs[i], norm, rules);
      if (why.empty()) why = why_invalid(one.conditions[s].new_runs[i], norm, rules);
      stage.valid[i] = why.empty();
      if (!why.empty()) stage.why.push_back(fmt::format("pair {}: {}", i + 1, why));
    }
    validity.pairs += pairs;
    validity.invalid += stage.why.size();
    validity.stages.push_back(std::move(stage));
  }
  validity.unstable = static_cast<double>(validity.invalid) >
                      rules.invalid_share_max * static_cast<double>(validity.pairs);
  return validity;
}

}  // namespace ordeal::perf
