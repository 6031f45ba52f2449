// Latency samples and what can be said of them: exact order statistics of one block, and the median
// of paired ratios with a confidence interval that assumes nothing of the distribution.
// Thread safety: values.
#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <vector>

namespace ordeal::perf {

struct Summary {
  double mean_us = 0;
  double p50_us = 0;
  double p90_us = 0;
  double p99_us = 0;
};

// Percentile p in [0, 1] of sorted values: the smallest value with at least p of them at or below.
// REQUIRES: not empty.
[[nodiscard]] double percentile(std::span<const double> sorted, double p);

// REQUIRES: not empty.
[[nodiscard]] Summary summarise(std::vector<double> latencies_us);

// A median with the order-statistic interval that covers it with at least 95 % (sign test; needs
// 6 values or more, else low and high are the extremes).
struct Interval {
  double low = 0;
  double median = 0;
  double high = 0;
};
// REQUIRES: not empty.
[[nodiscard]] Interval median_interval(std::vector<double> values);

}  // namespace ordeal::perf
