#include "perf/stats/dspex_rule.hpp"

#include <numeric>
#include <string_view>

namespace ordeal::perf {
namespace {

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

bool has_a_rule(const Metric& metric) {
  return metric.name == "p95" || metric.name == "success_rate" ||
         metric.kind == MetricKind::throughput;
}

Verdict verdict_of(const CasePairs& one, const MetricPairs& metric) {
  std::vector<double> before;
  std::vector<double> now;
  for (const auto& stage : metric.stages) {
    before.insert(before.end(), stage.old_values.begin(), stage.old_values.end());
    now.insert(now.end(), stage.new_values.begin(), stage.new_values.end());
  }
  Verdict verdict;
  verdict.suite = one.suite;
  verdict.case_name = one.case_name;
  verdict.metric = metric.metric;
  verdict.pairs = before.size();
  const double ratio = mean(now) == mean(before) ? 1 : mean(now) / mean(before);  // 0 / 0 is 1
  verdict.ratio = {ratio, ratio, ratio};
  if (!has_a_rule(metric.metric)) {
    verdict.gated = false;
    verdict.why = "DSPex has no rule for it";
    return verdict;
  }
  // The gate is the rule's: DSPex knows no metric that is only told.
  const bool worse = dspex_regressed(metric.metric, before, mean(now));
  verdict.kind = worse ? VerdictKind::regression : VerdictKind::equivalent;
  verdict.why = worse ? "beyond DSPex's fixed limit" : "within DSPex's fixed limit";
  return verdict;
}

}  // namespace

bool dspex_regressed(const Metric& metric, const std::vector<double>& before, double current) {
  if (before.empty()) return false;
  if (metric.name == "p95") return current > 1.2 * mean(before);
  if (metric.kind == MetricKind::throughput) return current < 0.8 * mean(before);
  if (metric.name == "success_rate") return current < 0.9 * mean(before);
  return false;
}

std::vector<Verdict> judge_by_dspex(const PairsFile& file) {
  std::vector<Verdict> verdicts;
  for (const auto& one : file.cases) {
    for (const auto& metric : one.metrics) verdicts.push_back(verdict_of(one, metric));
  }
  return verdicts;
}

}  // namespace ordeal::perf
