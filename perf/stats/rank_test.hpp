// Rank and sign tests: is one side greater? Distribution-free, so a heavy tail or two modes do no
// harm.
#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace ordeal::perf {

enum class RankMethod {
  // Exact (the permutation distribution of the ranks as they are, ties too) up to 20 values a side,
  // else the normal approximation with correction for ties and continuity.
  exact_if_small,
  approximate,  // for thousands of resamples
};

// One-sided Mann-Whitney: the probability, if both sides were one distribution, that `greater`
// ranks at least as high above `lesser` as it does. Infinite values are ranked, too. REQUIRES: no
// side is empty, no NaN.
[[nodiscard]] double mann_whitney_p(std::span<const double> greater, std::span<const double> lesser,
                                    RankMethod method = RankMethod::exact_if_small);

// The probability of `successes` or more in `trials` throws of a fair coin.
[[nodiscard]] double sign_test_p(std::size_t successes, std::size_t trials);

// An estimate with its interval, which covers with at least the confidence asked for. Where too few
// values are there for any finite interval, low and high are infinite.
struct Estimate {
  double low = 0;
  double middle = 0;
  double high = 0;
};

// Hodges-Lehmann: by how much `a` lies above `b`, the median of all differences a - b; the interval
// inverts the Mann-Whitney test. REQUIRES: no side is empty.
[[nodiscard]] Estimate shift_estimate(std::span<const double> a, std::span<const double> b,
                                      double confidence,
                                      RankMethod method = RankMethod::exact_if_small);

// The median with the order statistics that cover it (inverts the sign test). REQUIRES: not empty.
[[nodiscard]] Estimate median_estimate(std::vector<double> values, double confidence);

// By how much the mean of `a` lies above that of `b`, a tenth trimmed off each end (Yuen, Welch).
// Sees what a median does not: a slow mode that has become more frequent. One outlier does not move
// it. REQUIRES: no side is empty.
[[nodiscard]] Estimate trimmed_estimate(std::span<const double> a, std::span<const double> b,
                                        double confidence);
// The same of one sample against zero.
[[nodiscard]] Estimate trimmed_estimate(std::span<const double> values, double confidence);

// What a share of `successes` in `trials` says of the true share: Clopper-Pearson.
[[nodiscard]] Estimate share_estimate(std::size_t successes, std::size_t trials, double confidence);

}  // namespace ordeal::perf
