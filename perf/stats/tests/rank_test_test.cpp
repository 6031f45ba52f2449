// The tests and intervals against what can be counted by hand.
#include "perf/stats/rank_test.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "perf/stats/numbers.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::perf {
namespace {

using Values = std::vector<double>;

// P(U >= observed) by trying every way to divide the values between the sides.
double brute_force_p(const Values& greater, const Values& lesser) {
  Values all = greater;
  all.insert(all.end(), lesser.begin(), lesser.end());
  const auto ranks = doubled_ranks(all);
  int observed = 0;
  for (std::size_t i = 0; i < greater.size(); ++i) observed += ranks[i];
  std::vector<bool> chosen(all.size(), false);
  std::fill(chosen.end() - static_cast<std::ptrdiff_t>(greater.size()), chosen.end(), true);
  int ways = 0;
  int as_high = 0;
  do {
    int sum = 0;
    for (std::size_t i = 0; i < all.size(); ++i) sum += chosen[i] ? ranks[i] : 0;
    ++ways;
    as_high += sum >= observed ? 1 : 0;
  } while (std::next_permutation(chosen.begin(), chosen.end()));
  return static_cast<double>(as_high) / ways;
}

TEST(MannWhitney, CompleteSeparationIsOneWayOfAll) {
  cites(55);
  EXPECT_DOUBLE_EQ(mann_whitney_p(Values{6, 7, 8, 9, 10}, Values{1, 2, 3, 4, 5}), 1.0 / 252);
  EXPECT_DOUBLE_EQ(mann_whitney_p(Values{1, 2, 3, 4, 5}, Values{6, 7, 8, 9, 10}), 1.0);
}

TEST(MannWhitney, IsWhatTryingEveryDivisionGivesAlsoWithTies) {
  cites(55);
  std::mt19937_64 random{7};
  for (int round = 0; round < 60; ++round) {
    Values a(3 + random() % 4);
    Values b(3 + random() % 4);
    for (double& value : a) value = static_cast<double>(random() % 6);
    for (double& value : b) value = static_cast<double>(random() % 6);
    EXPECT_NEAR(mann_whitney_p(a, b), brute_force_p(a, b), 1e-12);
  }
}

TEST(MannWhitney, AllTiedSaysNothing) {
  cites(55);
  const Values same(25, 3.0);
  EXPECT_DOUBLE_EQ(mann_whitney_p(same, same), 1.0);
  EXPECT_DOUBLE_EQ(mann_whitney_p(Values(5, 3.0), Values(5, 3.0)), 1.0);
}

TEST(MannWhitney, TheApproximationIsNearTheExactValue) {
  cites(55);
  std::mt19937_64 random{11};
  std::normal_distribution<double> noise;
  for (int round = 0; round < 20; ++round) {
    Values a(20);
    Values b(20);
    for (double& value : a) value = noise(random) + 0.8;
    for (double& value : b) value = noise(random);
    const double exact = mann_whitney_p(a, b);
    EXPECT_NEAR(mann_whitney_p(a, b, RankMethod::approximate), exact, 0.15 * exact + 0.0005);
  }
}

TEST(MannWhitney, InfiniteValuesAreRanked) {
  cites(55);
  EXPECT_LT(mann_whitney_p(Values(5, 0.0), Values(5, -HUGE_VAL)), 0.01);
}

TEST(SignTest, CountsThrowsOfAFairCoin) {
  cites(55);
  EXPECT_DOUBLE_EQ(sign_test_p(0, 7), 1);
  EXPECT_DOUBLE_EQ(sign_test_p(7, 7), 1.0 / 128);
  EXPECT_DOUBLE_EQ(sign_test_p(6, 7), 8.0 / 128);
}

TEST(Shift, IsTheMedianOfAllDifferencesWithTheRankTestsInterval) {
  cites(55);
  const Values a{11, 12, 13, 14, 15};
  const Values b{1, 2, 3, 4, 5};
  const auto shift = shift_estimate(a, b, 0.95);
  EXPECT_DOUBLE_EQ(shift.middle, 10);
  // U of 5 and 5: P(U <= 2) = 4/252 = 0.016, P(U <= 3) = 7/252 = 0.028: from the third difference.
  EXPECT_DOUBLE_EQ(shift.low, 7);
  EXPECT_DOUBLE_EQ(shift.high, 13);
}

TEST(Shift, WithThreeValuesThereIsNoFiniteInterval) {
  cites(55);
  const auto shift = shift_estimate(Values{2, 3, 4}, Values{1, 2, 3}, 0.95);
  EXPECT_TRUE(std::isinf(shift.low));
  EXPECT_TRUE(std::isinf(shift.high));
  EXPECT_DOUBLE_EQ(shift.middle, 1);
}

TEST(Intervals, CoverTheTruthAsOftenAsTheyPromise) {
  cites(55);
  std::mt19937_64 random{3};
  std::exponential_distribution<double> skewed;
  int shift_misses = 0;
  int median_misses = 0;
  constexpr int rounds = 2000;
  for (int round = 0; round < rounds; ++round) {
    Values a(10);
    Values b(10);
    for (double& value : a) value = skewed(random) + 1;
    for (double& value : b) value = skewed(random);
    const auto shift = shift_estimate(a, b, 0.95);
    const auto middle = median_estimate(a, 0.95);
    shift_misses += shift.low > 1 || shift.high < 1 ? 1 : 0;
    median_misses += middle.low > 1 + std::log(2.0) || middle.high < 1 + std::log(2.0) ? 1 : 0;
  }
  // 5 % of 2000 is 100, and four standard deviations are 39.
  EXPECT_LT(shift_misses, 139);
  EXPECT_LT(median_misses, 139);
  EXPECT_GT(shift_misses, 20);
  EXPECT_GT(median_misses, 10);
}

TEST(Trimmed, IsYuensIntervalAndAnOutlierDoesNotMoveIt) {
  cites(55);
  Values a{1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  const auto plain = trimmed_estimate(a, 0.95);
  EXPECT_DOUBLE_EQ(plain.middle, 5.5);
  // Winsorised: 2, 2..9, 9; its squares add up to 66.5; variance 66.5 / (8 * 7); t(7) is 2.3646.
  EXPECT_NEAR(plain.high - plain.middle, 2.3646 * std::sqrt(66.5 / 56), 1e-3);
  a[9] = 1e9;
  EXPECT_DOUBLE_EQ(trimmed_estimate(a, 0.95).high, plain.high);
  EXPECT_DOUBLE_EQ(trimmed_estimate(a, a, 0.95).middle, 0);
  EXPECT_TRUE(std::isinf(trimmed_estimate(Values{1}, 0.95).high));
}

TEST(Share, NoneOfThreeHundredMeansAtMostOnePointTwoPercent) {
  cites(55);
  const auto share = share_estimate(0, 300, 0.95);
  EXPECT_DOUBLE_EQ(share.low, 0);
  EXPECT_NEAR(share.high, 0.0122, 0.0002);
  EXPECT_DOUBLE_EQ(share_estimate(60, 60, 0.95).high, 1);
}

TEST(Numbers, OrderStatisticsAreThoseOfTheTextbook) {
  cites(55);
  EXPECT_DOUBLE_EQ(median({3, 1, 2}), 2);
  EXPECT_DOUBLE_EQ(median({4, 1, 2, 3}), 2.5);
  EXPECT_DOUBLE_EQ(quantile({1, 2, 3, 4}, 0.75), 3.25);
  EXPECT_DOUBLE_EQ(scaled_mad({1, 2, 3, 4, 100}), 1.4826);
  EXPECT_EQ(doubled_ranks(Values{5, 1, 5}), (std::vector<int>{5, 2, 5}));
  EXPECT_DOUBLE_EQ(spearman(Values{1, 2, 3}, Values{10, 20, 30}), 1);
  EXPECT_DOUBLE_EQ(spearman(Values{1, 2, 3}, Values{3, 2, 1}), -1);
  EXPECT_DOUBLE_EQ(spearman(Values{1, 2, 3}, Values{4, 4, 4}), 0);
}

}  // namespace
}  // namespace ordeal::perf
