// Order statistics against hand-counted cases (invariant 56).
#include "perf/bench/sample.hpp"

#include <gtest/gtest.h>

#include "testing/cites/cites.hpp"

namespace ordeal::perf {
namespace {

TEST(Percentile, IsTheSmallestValueWithAtLeastThatShareAtOrBelow) {
  cites(56);
  const std::vector<double> ten{1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  EXPECT_EQ(percentile(ten, 0.0), 1);
  EXPECT_EQ(percentile(ten, 0.1), 1);
  EXPECT_EQ(percentile(ten, 0.11), 2);
  EXPECT_EQ(percentile(ten, 0.5), 5);
  EXPECT_EQ(percentile(ten, 0.99), 10);
  EXPECT_EQ(percentile(ten, 1.0), 10);
}

TEST(Percentile, NeverFallsAsTheShareGrows) {
  cites(56);
  const std::vector<double> values{1, 1, 2, 50, 51};
  double before = 0;
  for (double p = 0; p <= 1.0; p += 0.01) {
    const double now = percentile(values, p);
    EXPECT_GE(now, before);
    EXPECT_GE(now, values.front());
    EXPECT_LE(now, values.back());
    before = now;
  }
}

TEST(MedianInterval, HasTheRanksOfTheSignTest) {
  // For 20 values the 95 % interval runs from the 6th to the 15th (tables of the sign test).
  std::vector<double> twenty;
  for (int i = 1; i <= 20; ++i) twenty.push_back(i);
  const Interval interval = median_interval(twenty);
  EXPECT_EQ(interval.low, 6);
  EXPECT_EQ(interval.median, 10.5);
  EXPECT_EQ(interval.high, 15);
}

TEST(MedianInterval, OfFewValuesIsTheirRange) {
  const Interval interval = median_interval({3, 1, 2});
  EXPECT_EQ(interval.low, 1);
  EXPECT_EQ(interval.median, 2);
  EXPECT_EQ(interval.high, 3);
}

TEST(Summary, DoesNotDependOnTheOrderOfTheSamples) {
  const Summary one = summarise({5, 1, 3, 2, 4});
  const Summary other = summarise({1, 2, 3, 4, 5});
  EXPECT_EQ(one.p50_us, other.p50_us);
  EXPECT_EQ(one.mean_us, 3);
  EXPECT_EQ(one.p99_us, 5);
}

}  // namespace
}  // namespace ordeal::perf
