#include "perf/stats/numbers.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace ordeal::perf {

double median(std::vector<double> values) {
  const auto half = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), half, values.end());
  if (values.size() % 2 == 1) return *half;
  const double below = *std::max_element(values.begin(), half);
  if (below == *half) return *half;  // also where both are the same infinity
  if (std::isinf(below) && std::isinf(*half)) return 0;
  return (below + *half) / 2;
}

double scaled_mad(const std::vector<double>& values) {
  const double middle = median(values);
  std::vector<double> deviations;
  deviations.reserve(values.size());
  for (const double value : values) deviations.push_back(std::abs(value - middle));
  return 1.4826 * median(std::move(deviations));
}

double quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  const double place = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (place - std::floor(place)) * (values[above] - values[below]);
}

std::vector<int> doubled_ranks(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<int> ranks(values.size());
  for (std::size_t first = 0; first < order.size();) {
    std::size_t end = first + 1;
    while (end < order.size() && values[order[end]] == values[order[first]]) ++end;
    // Ranks first+1 .. end share their mean, doubled: first + 1 + end.
    for (std::size_t i = first; i < end; ++i) ranks[order[i]] = static_cast<int>(first + 1 + end);
    first = end;
  }
  return ranks;
}

double spearman(std::span<const double> a, std::span<const double> b) {
  const auto ranks_a = doubled_ranks(a);
  const auto ranks_b = doubled_ranks(b);
  const double mean = static_cast<double>(a.size()) + 1;  // of doubled ranks
  double together = 0;
  double square_a = 0;
  double square_b = 0;
  for (std::size_t i = 0; i < ranks_a.size(); ++i) {
    const double off_a = ranks_a[i] - mean;
    const double off_b = ranks_b[i] - mean;
    together += off_a * off_b;
    square_a += off_a * off_a;
    square_b += off_b * off_b;
  }
  if (square_a == 0 || square_b == 0) return 0;
  return together / std::sqrt(square_a * square_b);
}

}  // namespace ordeal::perf
