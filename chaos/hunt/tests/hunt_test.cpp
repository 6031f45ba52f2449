// The search: what it draws, that it shrinks, and that its text says all.
#include "chaos/hunt/hunt.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "chaos/experiment/simulated_keys.hpp"

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

TEST(Hunt, OptionsThatHaveNamesAreWrittenByName) {
  Plan plan = draw_hunt(5, registry());
  FaultEntry entry{.kind = registry().find("fail_system_calls"), .at = milliseconds{1}};
  entry.values = entry.kind->defaults();
  entry.values["system_call"] = entry.kind->option("system_call")->names[1].value;
  plan.faults = {entry};
  const std::string text = to_text(plan);
  EXPECT_NE(text.find("system_call = \"write\"\n"), text.npos) << text;
  const auto read = plan_from_toml(text, "drawn.toml", registry(), "bridge.py");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->faults.front().values, entry.values);
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

// Stands in for a pool with two bugs: one in who cancels while workers are killed, one that any
// request shows that is written in part.
std::string with_two_bugs(const Plan& plan) {
  const bool kills = std::any_of(plan.faults.begin(), plan.faults.end(),
                                 [](const FaultEntry& e) { return e.kind->name == "kill_worker"; });
  if (kills && plan.simulated.cancel_parts > 0) {
    return fmt::format("a cancelled request keeps worker {} (seed {})", plan.pool.size, plan.seed);
  }
  if (plan.simulated.rates.partial > 0) return "half a request is taken for one (seed 1)";
  return {};
}

TEST(Hunt, ShrinkingKeepsTheSignatureAndNothingElse) {
  HuntWorld world = simulated_world(registry());
  world.what_breaks = with_two_bugs;
  std::uint64_t shrunk = 0;
  for (std::uint64_t seed = 1; seed <= 2'000 && shrunk < 5; ++seed) {
    const Plan plan = draw_hunt(seed, registry());
    const std::string error = with_two_bugs(plan);
    if (!error.starts_with("a cancelled") || count_faults(plan) < 8) continue;
    ++shrunk;
    std::uint64_t tried = 0;
    const Plan least =
        shrink(plan, error, trial::time_now() + std::chrono::seconds{20}, world, tried);
    EXPECT_EQ(signature_of(with_two_bugs(least)), signature_of(error)) << seed;
    ASSERT_EQ(count_faults(least), 1U) << seed;
    EXPECT_EQ(least.faults[0].kind->name, "kill_worker");
    EXPECT_EQ(least.pool.size, 1U);
    EXPECT_EQ(least.simulated.operation_parts + least.simulated.lease_parts, 0U);
    EXPECT_FALSE(least.simulated.look_closely || least.simulated.run_twice);
    EXPECT_EQ(least.simulated.requests_max, 1U);
    EXPECT_GT(tried, 10U);
  }
  EXPECT_EQ(shrunk, 5U) << "such experiments are not drawn";
}

}  // namespace
}  // namespace ordeal::chaos
