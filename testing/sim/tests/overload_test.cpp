// A pulse of load brings an unprotected pool down, and clients that try again keep it down: each
// worker serves those who are about to leave. With either protection goodput is back at once.
#include <gtest/gtest.h>

#include "testing/cites/cites.hpp"
#include "testing/sim/tests/overload_world.hpp"

namespace ordeal::trial {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t seeds = 10;
constexpr std::size_t first_second_after = OverloadWorld::pulse_second + 1;

pool::core::CoreOptions four_workers() {
  pool::core::CoreOptions options;
  options.size = 4;
  return options;
}

TEST(Overload, WithoutProtectionGoodputStaysDownAfterThePulse) {
  cites_property(24);
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const auto goodput = OverloadWorld({.core = four_workers()}, seed).run();
    EXPECT_GE(goodput[1], 990) << "before the pulse, seed " << seed;
    for (std::size_t s = first_second_after; s < goodput.size(); ++s) {
      EXPECT_LT(goodput[s], 500) << "second " << s << ", seed " << seed;
    }
  }
}

TEST(Overload, TurningAwayWhoWouldBeLateBringsGoodputBackAtOnce) {
  cites_property(24);
  pool::core::CoreOptions options = four_workers();
  options.reject_late = true;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    OverloadWorld world({.core = options}, seed);
    const auto goodput = world.run();
    // What the pulse has left in the queue, less than the patience of one request, is in its way.
    EXPECT_GE(goodput[first_second_after], 850) << "seed " << seed;
    for (std::size_t s = first_second_after + 1; s < goodput.size(); ++s) {
      EXPECT_GE(goodput[s], 990) << "second " << s << ", seed " << seed;
    }
    EXPECT_GE(goodput[OverloadWorld::pulse_second], 180)
        << "of 2000 in the pulse 400 can be served, seed " << seed;
    EXPECT_GT(world.counters().rejected, 1'000U);
  }
}

TEST(Overload, SheddingAStandingQueueBringsGoodputBackAtOnce) {
  cites_property(24);
  pool::core::CoreOptions options = four_workers();
  options.shed_target = 10ms;
  options.shed_interval = 100ms;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    OverloadWorld world({.core = options}, seed);
    const auto goodput = world.run();
    for (std::size_t s = first_second_after; s < goodput.size(); ++s) {
      EXPECT_GE(goodput[s], 950) << "second " << s << ", seed " << seed;
    }
    EXPECT_GT(world.counters().shed, 1'000U);
  }
}

TEST(Overload, AnAdaptiveLimitBringsGoodputBackAtOnce) {
  cites_property(22, 24);
  pool::core::CoreOptions options = four_workers();
  options.limit.max = 1'000;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    OverloadWorld world({.core = options}, seed);
    const auto goodput = world.run();
    EXPECT_GE(goodput[0], 950) << "it does not stand in the way before, seed " << seed;
    EXPECT_GE(goodput[1], 950) << "seed " << seed;
    for (std::size_t s = first_second_after; s < goodput.size(); ++s) {
      EXPECT_GE(goodput[s], 950) << "second " << s << ", seed " << seed;
    }
    EXPECT_GE(goodput[OverloadWorld::pulse_second], 180)
        << "of 2000 in the pulse 400 can be served, seed " << seed;
  }
}

// It is quick, and so it is always the one that is free.
OverloadPlan one_is_broken() {
  OverloadPlan plan{.core = four_workers()};
  plan.pulse_per_second = plan.per_second;
  plan.tries = 1;
  plan.broken_worker = 2;
  return plan;
}

TEST(Outliers, AWorkerThatFailsAtOnceDrawsMostRequestsToItself) {
  cites_bug_class(15);
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const auto goodput = OverloadWorld(one_is_broken(), seed).run();
    for (const std::int64_t part : goodput) EXPECT_LT(part, 800) << "seed " << seed;
  }
}

TEST(Outliers, EjectedItDoesNoMoreHarm) {
  cites_bug_class(15);
  OverloadPlan plan = one_is_broken();
  plan.core.outliers.interval = 500ms;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    OverloadWorld world(plan, seed);
    const auto goodput = world.run();
    for (std::size_t s = 2; s < goodput.size(); ++s) {
      EXPECT_GE(goodput[s], 950) << "second " << s << ", seed " << seed;
    }
    EXPECT_EQ(world.counters().ejections, 1U);
  }
}

}  // namespace
}  // namespace ordeal::trial
