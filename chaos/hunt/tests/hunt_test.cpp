// The search: what it draws, that it shrinks, and that its text says all.
#include "chaos/hunt/hunt.hpp"

#include <gtest/gtest.h>

#include <set>

namespace ordeal::chaos {
namespace {

const Registry& registry() {
  static const Registry all = all_faults();
  return all;
}

TEST(Hunt, TheSameSeedDrawsTheSameExperiment) {
  EXPECT_EQ(to_text(draw_hunt(5, registry())), to_text(draw_hunt(5, registry())));
  EXPECT_NE(to_text(draw_hunt(5, registry())), to_text(draw_hunt(6, registry())));
}

// A text that lost an option would be another experiment: its trace would differ.
TEST(Hunt, WhatIsWrittenRunsAsWhatWasDrawn) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    const Plan drawn = draw_hunt(seed, registry());
    const auto read = plan_from_toml(to_text(drawn), "drawn.toml", registry(), "bridge.py");
    ASSERT_TRUE(read) << seed << ": " << read.error().message;
    EXPECT_EQ(simulate(drawn, true).report.trace, simulate(*read, true).report.trace) << seed;
  }
}

TEST(Hunt, TheSoundPoolHoldsAndEveryKindIsDrawn) {
  std::set<std::string_view> seen;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const Plan plan = draw_hunt(seed, registry());
    for (const FaultEntry& entry : plan.faults) seen.insert(entry.kind->name);
    const SimulatedRun run = simulate(plan);
    EXPECT_EQ(run.report.error, "") << seed;
  }
  EXPECT_GE(seen.size(), 20U);
}

TEST(Hunt, ASignatureIsThePromiseWithoutItsFigures) {
  EXPECT_EQ(signature_of("a worker 12 is lost (seed 3, event 7)"),
            signature_of("a worker 4 is lost (seed 9, event 70)"));
  EXPECT_NE(signature_of("a worker is lost (seed 3, event 7)"),
            signature_of("a request is lost (seed 3, event 7)"));
}

TEST(Hunt, ItEndsWithoutAFindWhenTheSeedsAreThrough) {
  const HuntResult result =
      hunt({.first_seed = 1, .last_seed = 20}, simulated_world(registry()), registry());
  EXPECT_EQ(result.schedules, 20U);
  EXPECT_FALSE(result.found);
}

// A world in which the calm cannot succeed stands in for a broken pool: its workers answer nothing
// for longer than any request lives. Most of its experiment is beside the point.
TEST(Hunt, ShrinkingKeepsTheSignatureAndNothingElse) {
  std::uint64_t shrunk = 0;
  for (std::uint64_t seed = 1; seed <= 200 && shrunk == 0; ++seed) {
    Plan plan = draw_hunt(seed, registry());
    if (plan.faults.size() < 4) continue;
    plan.simulated.latency_max_us = 60'000'000;
    plan.simulated.start_max_ms = 600'000;
    const SimulatedRun run = simulate(plan);
    if (run.report.error.empty()) continue;
    ++shrunk;
    std::uint64_t tried = 0;
    const Plan least = shrink(plan, run.report.error, trial::time_now() + std::chrono::seconds{20},
                              simulated_world(registry()), tried);
    const SimulatedRun again = simulate(least);
    EXPECT_EQ(signature_of(again.report.error), signature_of(run.report.error));
    EXPECT_LE(least.faults.size(), 3U);
    EXPECT_LT(to_text(least).size(), to_text(plan).size());
    EXPECT_GT(tried, 10U);
  }
  EXPECT_EQ(shrunk, 1U) << "no experiment failed in a world that cannot succeed";
}

}  // namespace
}  // namespace ordeal::chaos
