// Histograms of latencies: precise enough, merging exactly, percentiles with honest intervals.
#include "testing/load/latency_histogram.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "testing/cites/cites.hpp"
#include "testing/load/draws.hpp"

namespace ordeal::trial {
namespace {

using namespace std::chrono_literals;

TEST(LatencyHistogram, no_value_is_off_by_more_than_a_128th) {
  for (std::int64_t ns = 0; ns < 3'600'000'000'000; ns = ns * 17 / 16 + 1) {
    LatencyHistogram histogram;
    histogram.add(Duration{ns});
    histogram.add(10h);  // so that max() does not make the answer exact
    const auto found = histogram.percentile(50'000).count();
    ASSERT_GE(found, ns);
    ASSERT_LE(found - ns, ns / 128);
  }
}

TEST(LatencyHistogram, small_values_and_extremes_are_exact) {
  LatencyHistogram histogram;
  histogram.add(-5ns);
  histogram.add(200ns);
  histogram.add(123'456'789ns);
  EXPECT_EQ(histogram.min(), 0ns);
  EXPECT_EQ(histogram.percentile(50'000), 200ns);
  EXPECT_EQ(histogram.percentile(100'000), 123'456'789ns);
  EXPECT_EQ(histogram.max(), 123'456'789ns);
  EXPECT_DOUBLE_EQ(histogram.mean_ns(), (200 + 123'456'789) / 3.0);
}

TEST(LatencyHistogram, of_two_runs_is_the_sum_of_theirs_in_any_order) {
  cites(56);
  Random random{1};
  LatencyHistogram together;
  std::vector<LatencyHistogram> parts(3);
  for (int i = 0; i < 3000; ++i) {
    const Duration latency{static_cast<std::int64_t>(random.below(1ULL << random.below(40)))};
    together.add(latency);
    parts[random.below(3)].add(latency);
  }
  LatencyHistogram forward;
  for (const auto& part : parts) forward.merge(part);
  LatencyHistogram backward = parts[2];
  backward.merge({});
  backward.merge(parts[1]);
  backward.merge(parts[0]);
  EXPECT_EQ(forward, together);
  EXPECT_EQ(backward, together);

  LatencyHistogram slow;
  LatencyHistogram quick;
  slow.add(Duration{10});
  quick.add(Duration{5});
  slow.merge(quick);
  EXPECT_EQ(slow.min(), Duration{5});
}

TEST(LatencyHistogram, percentiles_are_nearest_ranks) {
  cites(56);
  LatencyHistogram histogram;
  for (int ns = 1; ns <= 100; ++ns) histogram.add(Duration{ns});
  EXPECT_EQ(histogram.percentile(50'000), 50ns);
  EXPECT_EQ(histogram.percentile(50'001), 51ns);
  EXPECT_EQ(histogram.percentile(99'000), 99ns);
  EXPECT_EQ(histogram.percentile(0), 1ns);
  EXPECT_EQ(histogram.count_up_to(30ns), 30u);
  EXPECT_EQ(histogram.count_up_to(-1ns), 0u);
  EXPECT_EQ(LatencyHistogram{}.percentile(50'000), 0ns);
}

TEST(LatencyHistogram, an_interval_covers_the_true_percentile_in_95_of_100_samples) {
  // Evenly drawn from [0, 200): the true median is 100, the true p90 is 180.
  Random random{5};
  int median_covered = 0;
  int p90_covered = 0;
  Duration widths{0};
  constexpr int samples = 2000;
  for (int i = 0; i < samples; ++i) {
    LatencyHistogram histogram;
    for (int k = 0; k < 200; ++k) {
      histogram.add(Duration{static_cast<std::int64_t>(random.below(200))});
    }
    const auto median = histogram.percentile_interval(50'000);
    const auto p90 = histogram.percentile_interval(90'000);
    median_covered += median.low <= 100ns && 100ns <= median.high ? 1 : 0;
    p90_covered += p90.low <= 180ns && 180ns <= p90.high ? 1 : 0;
    widths += median.high - median.low;
  }
  EXPECT_GE(median_covered, samples * 95 / 100);
  EXPECT_GE(p90_covered, samples * 95 / 100);
  EXPECT_LT(widths / samples, 32ns);  // and by no means always: 200 / sqrt(200) * 1.96 is 28
}

TEST(LatencyHistogram, says_when_there_are_too_few_calls_for_an_interval) {
  LatencyHistogram histogram;
  for (int ns = 1; ns <= 100; ++ns) histogram.add(Duration{ns});
  EXPECT_TRUE(histogram.percentile_interval(50'000).bounded);
  const auto p99 = histogram.percentile_interval(99'000);
  EXPECT_FALSE(p99.bounded);
  EXPECT_EQ(p99.high, 100ns);
  histogram.merge(histogram);
  EXPECT_FALSE(LatencyHistogram{}.percentile_interval(50'000).bounded);
}

TEST(Fairness, is_one_for_equals_and_one_nth_for_a_monopoly) {
  EXPECT_DOUBLE_EQ(jain_fairness({5, 5, 5, 5}), 1);
  EXPECT_DOUBLE_EQ(jain_fairness({8, 0, 0, 0}), 0.25);
  EXPECT_DOUBLE_EQ(jain_fairness({}), 1);
}

}  // namespace
}  // namespace ordeal::trial
