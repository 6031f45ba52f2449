// A failing seed is made smaller, and one line repeats it.
#include "testing/sim/shrink.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "testing/sim/knobs.hpp"

namespace ordeal::trial {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// A pool that breaks its promise when replies come late to two workers at once.
SimulationReport fails_if_late_with_two_workers(std::uint64_t seed, const SimulationOptions& o) {
  SimulationReport report;
  report.seed = seed;
  report.events = o.requests;
  if (o.faults.late > 0 && o.core.size >= 2 && o.requests >= 10) {
    report.error = "(12) work for a worker that owes (" + std::to_string(o.requests) + ") (seed " +
                   std::to_string(seed) + ", event 9)";
  } else if (o.faults.hangs > 0) {
    report.error = "another promise (seed 1, event 1)";
  }
  return report;
}

SimulationOptions a_lot() {
  SimulationOptions options;
  options.faults.late = 200;
  options.faults.hangs = 50;
  options.faults.violates = 10;
  options.cancels = 10;
  options.stop_under_load = true;
  options.core.size = 4;
  options.core.overflow = 2;
  options.requests = 300;
  options.latency_max = std::chrono::milliseconds{7};
  return options;
}

TEST(Shrink, LeavesOnlyWhatTheFailureNeeds) {
  const Shrunk least = shrink(7, a_lot(), fails_if_late_with_two_workers);
  EXPECT_EQ(promise_of(least.error), "(12) work for a worker that owes");
  EXPECT_EQ(least.options.faults.late, 1U) << "weakened, and not dropped";
  EXPECT_EQ(least.options.faults.hangs, 0U) << "another failure is not the same";
  EXPECT_EQ(least.options.faults.violates, 0U);
  EXPECT_EQ(least.options.cancels, 0U);
  EXPECT_FALSE(least.options.stop_under_load);
  EXPECT_EQ(least.options.core.size, 2U);
  EXPECT_EQ(least.options.core.overflow, 0U);
  EXPECT_EQ(least.options.clients, 1U);
  EXPECT_LT(least.options.requests, 20U) << "halved as far as it goes";
  EXPECT_GE(least.options.requests, 10U);
  EXPECT_EQ(least.events, least.options.requests) << "of the run that is told";
  EXPECT_EQ(least.options.latency_max.count(), 1);
}

TEST(Shrink, TakesAnotherSeedWhereAChangeMovesTheFailureThere) {
  const auto only_seed_3_with_less = [](std::uint64_t seed, const SimulationOptions& o) {
    SimulationReport report;
    if (o.faults.late > 0 && (o.requests == 300 || seed == 3)) {
      report.error = "broken (seed 0, event 1)";
    }
    return report;
  };
  const Shrunk least = shrink(7, a_lot(), only_seed_3_with_less);
  EXPECT_EQ(least.seed, 3U);
  EXPECT_EQ(least.options.requests, 1U);
}

TEST(Shrink, TellsPromisesApartByTheirSentence) {
  EXPECT_EQ(promise_of("(53) overdue (17) (seed 42, event 137)"), "(53) overdue");
  EXPECT_EQ(promise_of("deadlock: nothing can happen (seed 42, event 1)"),
            "deadlock: nothing can happen");
  EXPECT_EQ(promise_of("a request (of the calm) (seed 1, event 2)"), "a request (of the calm)");
}

TEST(Shrink, NamesTheFaultsWithoutWhichItHolds) {
  EXPECT_THAT(faults_that_matter(7, a_lot(),
                                 [](std::uint64_t, const SimulationOptions& o) {
                                   SimulationReport report;
                                   if (o.faults.late > 0 && o.cancels > 0) report.error = "broken";
                                   return report;
                                 }),
              ::testing::ElementsAre("late", "cancels"));
}

TEST(Repro, IsOneLineThatGivesTheSameOptions) {
  SimulationOptions options = swarm(42);
  EXPECT_EQ(repro_line(42, options), "ordeal-sim run --seeds 42");
  options.core.size = 9;
  options.faults.late = 123;
  options.budget_max = std::chrono::microseconds{3};
  const std::string line = repro_line(42, options);
  ASSERT_THAT(line, StartsWith("ordeal-sim run --seeds 42 --set \""));
  const auto from = line.find('"') + 1;
  SimulationOptions again = swarm(42);
  EXPECT_EQ(set_knobs(again, line.substr(from, line.rfind('"') - from)), "");
  EXPECT_EQ(difference(options, again), "");
  EXPECT_EQ(again.budget_max, options.budget_max);
}

TEST(Knobs, ThatAreWrongAreNamed) {
  SimulationOptions options;
  EXPECT_THAT(set_knobs(options, "sizes=1"), HasSubstr("no knob is called sizes"));
  EXPECT_THAT(set_knobs(options, "size=0"), HasSubstr("size must be a number from 1, not \"0\""));
  EXPECT_THAT(set_knobs(options, "size=x"), HasSubstr("\"x\""));
  EXPECT_THAT(set_knobs(options, "late"), HasSubstr("late must be a number"));
  EXPECT_EQ(set_knobs(options, "  size=3   late=7 "), "");
  EXPECT_EQ(options.core.size, 3U);
  EXPECT_EQ(options.faults.late, 7U);
}

// A knob whose getter and setter are of two members would shrink something else than it says.
TEST(Knobs, SetWhatTheyGet) {
  std::set<std::string_view> names;
  for (const Knob& knob : knobs()) {
    EXPECT_TRUE(names.insert(knob.name).second) << knob.name << " is there twice";
    SimulationOptions options;
    knob.set(options, 1);
    EXPECT_EQ(knob.get(options), 1U) << knob.name;
    knob.set(options, knob.least);
    EXPECT_EQ(knob.get(options), knob.least) << knob.name;
    std::size_t changed = 0;
    for (const Knob& other : knobs()) {
      SimulationOptions before;
      changed += other.get(before) != other.get(options) && other.name != knob.name;
    }
    EXPECT_EQ(changed, 0U) << knob.name << " sets another, too";
  }
}

}  // namespace
}  // namespace ordeal::trial
