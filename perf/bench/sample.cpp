#include "perf/bench/sample.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace ordeal::perf {
namespace {

double middle(std::span<const double> sorted) {
  const std::size_t half = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

// The greatest k with P(Binomial(n, 1/2) < k) <= 0.025: the interval from the k-th smallest to the
// k-th greatest covers the median with at least 95 %.
std::size_t interval_rank(std::size_t n) {
  double term = std::pow(0.5, static_cast<double>(n));
  double below = 0;
  std::size_t k = 0;
  while (k < n / 2 && below + term <= 0.025) {
    below += term;
    term = term * static_cast<double>(n - k) / static_cast<double>(k + 1);
    ++k;
  }
  return k;
}

}  // namespace

double percentile(std::span<const double> sorted, double p) {
  const auto rank = static_cast<std::size_t>(std::ceil(p * static_cast<double>(sorted.size())));
  return sorted[std::clamp<std::size_t>(rank, 1, sorted.size()) - 1];
}

Summary summarise(std::vector<double> latencies_us) {
  std::sort(latencies_us.begin(), latencies_us.end());
  const double sum = std::accumulate(latencies_us.begin(), latencies_us.end(), 0.0);
  return {.mean_us = sum / static_cast<double>(latencies_us.size()),
          .p50_us = percentile(latencies_us, 0.50),
          .p90_us = percentile(latencies_us, 0.90),
          .p99_us = percentile(latencies_us, 0.99)};
}

Interval median_interval(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t k = std::max<std::size_t>(interval_rank(values.size()), 1);
  return {.low = values[k - 1], .median = middle(values), .high = values[values.size() - k]};
}

}  // namespace ordeal::perf
