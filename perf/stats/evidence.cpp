#include "perf/stats/evidence.hpp"

#include <algorithm>
#include <cmath>

#include "perf/stats/numbers.hpp"

namespace ordeal::perf {
namespace {

// Two values whose ratio is the floor by construction must not be told apart by rounding.
constexpr double rounding = 1e-9;

// Sides in exactly the same order were sorted, and are no pairs: their signs would all be those of
// neighbouring ranks.
bool move_together(const LogPairs& pairs, const Rules& rules) {
  if (pairs.old_logs.size() < rules.paired_min) return false;
  const double correlation = spearman(pairs.old_logs, pairs.new_logs);
  const auto n = static_cast<double>(pairs.old_logs.size());
  return correlation < 1 && correlation >= rules.correlation_min &&
         correlation * std::sqrt(n - 1) >= rules.correlation_z_min;
}

std::vector<double> shifted(std::vector<double> logs, double by) {
  for (double& value : logs) value += by;
  return logs;
}

// How many pairs' first side exceeds the second by more than `margin`.
std::size_t count_above(const std::vector<double>& high, const std::vector<double>& low,
                        double margin) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < high.size(); ++i) count += high[i] > low[i] + margin ? 1U : 0U;
  return count;
}

double p_above(const std::vector<double>& high, const std::vector<double>& low, double margin,
               bool paired, RankMethod method) {
  if (paired) return sign_test_p(count_above(high, low, margin), high.size());
  return mann_whitney_p(high, shifted(low, margin), method);
}

std::vector<double> log_ratios(const LogPairs& pairs) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < pairs.old_logs.size(); ++i) {
    const bool same = pairs.new_logs[i] == pairs.old_logs[i];
    ratios.push_back(same ? 0 : pairs.new_logs[i] - pairs.old_logs[i]);
  }
  return ratios;
}

}  // namespace

Evidence weigh(const LogPairs& pairs, double floor, const Rules& rules, RankMethod method) {
  const double margin = std::log1p(floor) + rounding;
  const auto n = static_cast<double>(pairs.old_logs.size());
  Evidence evidence;
  evidence.pairs = pairs.old_logs.size();
  evidence.paired = move_together(pairs, rules);
  evidence.p_worse = p_above(pairs.new_logs, pairs.old_logs, margin, evidence.paired, method);
  evidence.p_better = p_above(pairs.old_logs, pairs.new_logs, margin, evidence.paired, method);
  evidence.log_ratio =
      evidence.paired ? median_estimate(log_ratios(pairs), rules.confidence)
                      : shift_estimate(pairs.new_logs, pairs.old_logs, rules.confidence, method);
  if (method == RankMethod::exact_if_small) {  // else nobody asks
    evidence.log_mean = evidence.paired
                            ? trimmed_estimate(log_ratios(pairs), rules.confidence)
                            : trimmed_estimate(pairs.new_logs, pairs.old_logs, rules.confidence);
  }
  evidence.agree_worse =
      static_cast<double>(count_above(pairs.new_logs, pairs.old_logs, rounding)) / n;
  evidence.agree_better =
      static_cast<double>(count_above(pairs.old_logs, pairs.new_logs, rounding)) / n;
  return evidence;
}

}  // namespace ordeal::perf
