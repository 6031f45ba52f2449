// A leak is told from a step, from noise and from a worker that does nothing.
#include "pool/core/memory_trend.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <vector>

namespace ordeal::pool::core {
namespace {

constexpr MemoryRules rules{.max_kib = 0, .growth_kib = 100, .window_requests = 100};

// At which of `requests` it is found, or 0: never.
template <typename Rss>
std::uint64_t found_at(std::uint64_t requests, Rss rss) {
  MemoryTrend trend;
  for (std::uint64_t served = 0; served <= requests; ++served) {
    if (trend.add(rules, served, rss(served))) return served;
  }
  return 0;
}

TEST(MemoryTrend, ALeakIsFoundWithinItsWindow) {
  EXPECT_EQ(found_at(1000, [](std::uint64_t n) { return 50'000 + n; }), 100U);
  EXPECT_EQ(found_at(1000, [](std::uint64_t n) { return 50'000 + 10 * n; }), 100U);
}

TEST(MemoryTrend, AStepIsNoSlope) {
  EXPECT_EQ(found_at(1000, [](std::uint64_t n) { return n < 60 ? 50'000U : 900'000U; }), 0U)
      << "a model was loaded";
}

TEST(MemoryTrend, ACacheThatFillsUpAndStaysIsFineIfItIsFullSoonEnough) {
  EXPECT_EQ(found_at(10'000,
                     [](std::uint64_t n) { return 50'000 + 10 * std::min<std::uint64_t>(n, 70); }),
            0U);
}

TEST(MemoryTrend, SlowerGrowthThanTheRuleSaysIsBorne) {
  EXPECT_EQ(found_at(10'000, [](std::uint64_t n) { return 50'000 + n / 2; }), 0U);
}

TEST(MemoryTrend, AnIdleWorkerIsNotJudged) {
  MemoryTrend trend;
  for (std::uint64_t i = 0; i < 1000; ++i) EXPECT_FALSE(trend.add(rules, 7, 50'000 + 100 * i));
}

// Whatever else it does in between: what comes back to where it was is no leak.
RC_GTEST_PROP(MemoryTrend, WhatComesBackIsNeverFound, ()) {
  const auto wave = *rc::gen::container<std::vector<std::uint64_t>>(
      20, rc::gen::inRange<std::uint64_t>(0, 1'000'000));
  RC_ASSERT(found_at(2000, [&](std::uint64_t n) { return n % 25 == 0 ? 50'000 : wave[n % 20]; }) ==
            0U);
}

}  // namespace
}  // namespace ordeal::pool::core
