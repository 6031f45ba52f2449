#include "perf/stats/rank_test.hpp"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>
#include <numeric>

#include "perf/stats/numbers.hpp"

namespace ordeal::perf {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr std::size_t exact_max = 20;  // values a side

// ways[s]: in how many ways `chosen` of the ranks add up to s.
std::vector<double> ways_to_sum(const std::vector<int>& ranks, std::size_t chosen) {
  const auto total = static_cast<std::size_t>(std::accumulate(ranks.begin(), ranks.end(), 0));
  std::vector<std::vector<double>> ways(chosen + 1, std::vector<double>(total + 1, 0.0));
  ways[0][0] = 1;
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    const auto rank = static_cast<std::size_t>(ranks[i]);
    for (std::size_t k = std::min(chosen, i + 1); k >= 1; --k) {
      for (std::size_t s = total; s >= rank; --s) ways[k][s] += ways[k - 1][s - rank];
    }
  }
  return ways[chosen];
}

// P(the sum of `chosen` of the ranks >= s), at s. Tests without ties all have the same ranks, so
// the last distribution is kept for the next test.
const std::vector<double>& tail_of_sum(std::vector<int> ranks, std::size_t chosen) {
  struct Last {
    std::vector<int> ranks;
    std::size_t chosen = 0;
    std::vector<double> tail;
  };
  thread_local Last last;
  std::sort(ranks.begin(), ranks.end());
  if (last.chosen == chosen && last.ranks == ranks) return last.tail;
  auto tail = ways_to_sum(ranks, chosen);
  const double all = std::accumulate(tail.begin(), tail.end(), 0.0);
  double above = 0;
  for (std::size_t s = tail.size(); s-- > 0;) {
    above += tail[s];
    tail[s] = above / all;
  }
  last = {std::move(ranks), chosen, std::move(tail)};
  return last.tail;
}

double exact_p(const std::vector<int>& ranks, std::size_t chosen, int rank_sum) {
  return tail_of_sum(ranks, chosen)[static_cast<std::size_t>(rank_sum)];
}

double approximate_p(const std::vector<int>& ranks, std::size_t chosen, int rank_sum) {
  const auto a = static_cast<double>(chosen);
  const auto n = static_cast<double>(ranks.size());
  const double b = n - a;
  // The variance of a rank sum without replacement, from the ranks as they are: ties included.
  double square = 0;
  for (const int rank : ranks) square += (rank - (n + 1)) * (rank - (n + 1));
  const double deviation = std::sqrt(a * b * square / (n * (n - 1)));
  if (!(deviation > 0)) return 1;                   // all tied
  const double above = rank_sum - a * (n + 1) - 1;  // doubled ranks: continuity is 2 * 1/2
  return boost::math::cdf(boost::math::complement(boost::math::normal{}, above / deviation));
}

double difference(double a, double b) { return a == b ? 0 : a - b; }  // also of infinities

// The greatest k with P(U < k) <= tail, U of n and m values without ties. Comparisons have stages
// of one size, so the last answer is kept for the next.
std::size_t exact_interval_rank(std::size_t n, std::size_t m, double tail) {
  struct Last {
    std::size_t n = 0;
    std::size_t m = 0;
    double tail = 0;
    std::size_t k = 0;
  };
  thread_local Last last;
  if (last.n == n && last.m == m && last.tail == tail) return last.k;
  std::vector<int> ranks(n + m);
  std::iota(ranks.begin(), ranks.end(), 1);
  const auto ways = ways_to_sum(ranks, n);
  const double all = std::accumulate(ways.begin(), ways.end(), 0.0);
  const std::size_t least = n * (n + 1) / 2;
  double below = 0;
  std::size_t k = 0;
  while (k < n * m / 2 && below + ways[least + k] / all <= tail) below += ways[least + k++] / all;
  last = {n, m, tail, k};
  return k;
}

std::size_t interval_rank(std::size_t n, std::size_t m, double tail, RankMethod method) {
  if (method == RankMethod::exact_if_small && n <= exact_max && m <= exact_max) {
    return exact_interval_rank(n, m, tail);
  }
  const auto product = static_cast<double>(n * m);
  const double deviation = std::sqrt(product * static_cast<double>(n + m + 1) / 12);
  const double z = boost::math::quantile(boost::math::complement(boost::math::normal{}, tail));
  return static_cast<std::size_t>(std::max(0.0, std::floor(product / 2 - z * deviation)));
}

// From the k-th smallest to the k-th greatest.
Estimate between(std::vector<double> values, std::size_t k) {
  const double middle = median(values);
  if (k == 0) return {-infinity, middle, infinity};
  const auto ranked = [&](std::size_t rank) {
    const auto place = values.begin() + static_cast<std::ptrdiff_t>(rank - 1);
    std::nth_element(values.begin(), place, values.end());
    return *place;
  };
  const double low = ranked(k);
  return {low, middle, ranked(values.size() + 1 - k)};
}

struct TrimmedMean {
  double mean = 0;
  double variance = infinity;  // of the mean, from the winsorised sample
  double freedom = 0;
};

TrimmedMean trimmed_mean(std::span<const double> values) {
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  const std::size_t n = sorted.size();
  const std::size_t cut = n / 10;
  const std::size_t kept = n - 2 * cut;
  const auto h = static_cast<double>(kept);
  TrimmedMean result;
  const auto first = sorted.begin() + static_cast<std::ptrdiff_t>(cut);
  result.mean = std::accumulate(first, first + static_cast<std::ptrdiff_t>(kept), 0.0) / h;
  if (kept < 2) return result;
  for (std::size_t i = 0; i < cut; ++i) {
    sorted[i] = sorted[cut];
    sorted[n - 1 - i] = sorted[n - 1 - cut];
  }
  const auto all = static_cast<double>(n);
  const double middle = std::accumulate(sorted.begin(), sorted.end(), 0.0) / all;
  double square = 0;
  for (const double value : sorted) square += (value - middle) * (value - middle);
  result.variance = square / (h * (h - 1));
  result.freedom = h - 1;
  return result;
}

Estimate around(double middle, double variance, double freedom, double confidence) {
  if (!std::isfinite(middle) || !std::isfinite(variance)) return {-infinity, middle, infinity};
  if (variance == 0) return {middle, middle, middle};
  const boost::math::students_t t{freedom};
  const double reach =
      boost::math::quantile(boost::math::complement(t, (1 - confidence) / 2)) * std::sqrt(variance);
  return {middle - reach, middle, middle + reach};
}

}  // namespace

double mann_whitney_p(std::span<const double> greater, std::span<const double> lesser,
                      RankMethod method) {
  std::vector<double> both(greater.begin(), greater.end());
  both.insert(both.end(), lesser.begin(), lesser.end());
  const auto ranks = doubled_ranks(both);
  const auto end = ranks.begin() + static_cast<std::ptrdiff_t>(greater.size());
  const int rank_sum = std::accumulate(ranks.begin(), end, 0);
  const bool small = greater.size() <= exact_max && lesser.size() <= exact_max;
  return method == RankMethod::exact_if_small && small
             ? exact_p(ranks, greater.size(), rank_sum)
             : approximate_p(ranks, greater.size(), rank_sum);
}

double sign_test_p(std::size_t successes, std::size_t trials) {
  if (successes == 0) return 1;
  const boost::math::binomial coin{static_cast<double>(trials), 0.5};
  return boost::math::cdf(boost::math::complement(coin, static_cast<double>(successes - 1)));
}

Estimate shift_estimate(std::span<const double> a, std::span<const double> b, double confidence,
                        RankMethod method) {
  std::vector<double> differences;
  differences.reserve(a.size() * b.size());
  for (const double x : a) {
    for (const double y : b) differences.push_back(difference(x, y));
  }
  const std::size_t k = interval_rank(a.size(), b.size(), (1 - confidence) / 2, method);
  return between(std::move(differences), k);
}

Estimate median_estimate(std::vector<double> values, double confidence) {
  const boost::math::binomial coin{static_cast<double>(values.size()), 0.5};
  std::size_t k = 0;
  while (k < values.size() / 2 &&
         boost::math::cdf(coin, static_cast<double>(k)) <= (1 - confidence) / 2) {
    ++k;
  }
  return between(std::move(values), k);
}

Estimate trimmed_estimate(std::span<const double> a, std::span<const double> b, double confidence) {
  const TrimmedMean of_a = trimmed_mean(a);
  const TrimmedMean of_b = trimmed_mean(b);
  const double variance = of_a.variance + of_b.variance;
  const double freedom =
      variance * variance /
      (of_a.variance * of_a.variance / of_a.freedom + of_b.variance * of_b.variance / of_b.freedom);
  return around(of_a.mean - of_b.mean, variance, freedom, confidence);
}

Estimate trimmed_estimate(std::span<const double> values, double confidence) {
  const TrimmedMean mean = trimmed_mean(values);
  return around(mean.mean, mean.variance, mean.freedom, confidence);
}

Estimate share_estimate(std::size_t successes, std::size_t trials, double confidence) {
  using boost::math::binomial;
  const auto n = static_cast<double>(trials);
  const auto k = static_cast<double>(successes);
  const double tail = (1 - confidence) / 2;
  return {successes == 0 ? 0 : binomial::find_lower_bound_on_p(n, k, tail), k / n,
          successes == trials ? 1 : binomial::find_upper_bound_on_p(n, k, tail)};
}

}  // namespace ordeal::perf
