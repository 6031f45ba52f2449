// Order statistics of plain samples. Nothing here assumes a distribution.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace ordeal::perf {

// The middle value, or the mean of the two in the middle. REQUIRES: not empty.
[[nodiscard]] double median(std::vector<double> values);

// Median absolute deviation, times 1.4826: the standard deviation if they were normal. REQUIRES:
// not empty.
[[nodiscard]] double scaled_mad(const std::vector<double>& values);

// Linear between order statistics (R's type 7). REQUIRES: not empty; share in [0, 1].
[[nodiscard]] double quantile(std::vector<double> values, double share);

// Ranks from 1, times 2 so that ties' middle ranks are whole.
[[nodiscard]] std::vector<int> doubled_ranks(std::span<const double> values);

// Rank correlation in [-1, 1]; 0 if a side is constant. REQUIRES: as many in both.
[[nodiscard]] double spearman(std::span<const double> a, std::span<const double> b);

}  // namespace ordeal::perf
