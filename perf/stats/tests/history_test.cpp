// Series over many nights: jumps, drifts, spikes, and none of these.
#include "perf/stats/history.hpp"
#include "testing/cites/cites.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace ordeal::perf {
namespace {

std::vector<double> series(const std::vector<std::pair<int, double>>& levels, double noise,
                           std::uint64_t seed = 1) {
  std::mt19937_64 random{seed};
  std::normal_distribution<double> draw{0, noise};
  std::vector<double> values;
  for (const auto& [count, level] : levels) {
    for (int i = 0; i < count; ++i) values.push_back(level * std::exp(draw(random)));
  }
  return values;
}

TEST(History, ANightThatIsOutOfLineIsToldAndNoOther) {
  cites(55);
  EXPECT_TRUE(newest_of(series({{30, 100}, {1, 110}}, 0.005), Better::lower, {}).out_of_line);
  EXPECT_FALSE(newest_of(series({{30, 100}, {1, 90}}, 0.005), Better::lower, {}).out_of_line);
  EXPECT_TRUE(newest_of(series({{30, 100}, {1, 90}}, 0.005), Better::higher, {}).out_of_line);
  int alarms = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    alarms += newest_of(series({{31, 100}}, 0.02, seed), Better::lower, {}).out_of_line ? 1 : 0;
  }
  EXPECT_LE(alarms, 6);
}

TEST(History, ThresholdIsTheThirdQuartileAndThreeRangesOfTheChanges) {
  cites(55);
  // Changes of 1 % and 5 % in turn.
  std::vector<double> values{100};
  for (int i = 0; i < 12; ++i) values.push_back(values.back() * (i % 2 == 0 ? 1.01 : 0.95));
  const auto opinion = newest_of(values, Better::lower, {});
  EXPECT_NEAR(opinion.threshold, 0.05 + 3 * 0.04, 1e-9);
  EXPECT_NEAR(newest_of(series({{20, 100}}, 1e-6), Better::lower, {}).threshold, 0.03, 1e-12);
}

TEST(History, AFrogThatIsBoiledSlowlyIsSeenAgainstTheWindow) {
  cites(55);
  std::vector<double> values;
  for (int i = 0; i < 31; ++i) values.push_back(100 * std::pow(1.004, i));
  const auto opinion = newest_of(values, Better::lower, {});
  EXPECT_LT(opinion.step, opinion.threshold);
  EXPECT_TRUE(opinion.out_of_line);
}

TEST(History, OldNightsAreForgotten) {
  cites(55);
  EXPECT_FALSE(newest_of(series({{40, 50}, {31, 100}}, 0.005), Better::lower, {}).out_of_line);
}

TEST(History, TenNightsAreNeededForAnOpinion) {
  cites(55);
  EXPECT_FALSE(newest_of(series({{9, 100}, {1, 200}}, 0.001), Better::lower, {}).enough);
  EXPECT_TRUE(newest_of(series({{10, 100}, {1, 200}}, 0.001), Better::lower, {}).enough);
}

TEST(Levels, AreFoundWhereTheyBegin) {
  cites(55);
  const auto levels = levels_of(series({{20, 100}, {15, 120}, {20, 90}}, 0.01), {});
  ASSERT_EQ(levels.size(), 3U);
  EXPECT_EQ(levels[1].first, 20U);
  EXPECT_EQ(levels[2].first, 35U);
  EXPECT_NEAR(levels[1].median, 120, 2);
}

TEST(Levels, NoiseASpikeAndAChangeBelowTheFloorAreNone) {
  cites(55);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    EXPECT_EQ(levels_of(series({{60, 100}}, 0.05, seed), {}).size(), 1U) << seed;
  }
  EXPECT_EQ(levels_of(series({{20, 100}, {1, 300}, {20, 100}}, 0.01), {}).size(), 1U);
  EXPECT_EQ(levels_of(series({{30, 100}, {30, 102}}, 0.001), {}).size(), 1U);
  EXPECT_EQ(levels_of(series({{3, 100}}, 0.01), {}).size(), 1U);
  EXPECT_TRUE(levels_of({}, {}).empty());
}

}  // namespace
}  // namespace ordeal::perf
