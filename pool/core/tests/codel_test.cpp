// A burst is served; a queue that stands is shed; and never who was quick, or alone.
#include "pool/core/codel.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "testing/cites/cites.hpp"

namespace ordeal::pool::core {
namespace {

using namespace std::chrono_literals;

constexpr CodelRules rules{.target = 5ms, .interval = 100ms};

struct Turns {
  Codel codel{rules};
  Instant now{};
  // So many, one each 10 ms, that have waited for so long. How many of them were dropped.
  int pass(int turns, Duration waited) {
    int dropped = 0;
    for (int i = 0; i < turns; ++i) {
      now += 10ms;
      dropped += codel.drops(now, waited) ? 1 : 0;
    }
    return dropped;
  }
};

TEST(Codel, ABurstThatIsOverWithinItsIntervalIsServed) {
  Turns turns;
  EXPECT_EQ(turns.pass(9, 50ms), 0);
  EXPECT_EQ(turns.pass(1, 5ms), 0) << "somebody waited for as little as the target";
  EXPECT_EQ(turns.pass(9, 50ms), 0);
}

TEST(Codel, AQueueThatStandsForAnIntervalIsShed) {
  cites_property(21);
  Turns turns;
  EXPECT_EQ(turns.pass(10, 50ms), 0) << "the first interval";
  EXPECT_EQ(turns.pass(10, 50ms), 9) << "all but the first";
  EXPECT_TRUE(turns.codel.overloaded());
}

TEST(Codel, WhoWaitedForNoMoreThanTwiceTheTargetIsServed) {
  cites_property(21);
  Turns turns;
  turns.pass(10, 50ms);
  EXPECT_EQ(turns.pass(5, 10ms), 0);
  EXPECT_EQ(turns.pass(5, 10ms + 1ns), 5);
}

TEST(Codel, OneThatWaitedForLittleEndsIt) {
  cites_property(21);
  Turns turns;
  EXPECT_GT(turns.pass(15, 50ms), 0);
  EXPECT_EQ(turns.pass(1, 5ms), 0);
  EXPECT_FALSE(turns.codel.overloaded());
  EXPECT_EQ(turns.pass(4, 50ms), 0);
}

TEST(Codel, OneTurnInAnIntervalIsSlowWorkAndNoStandingQueue) {
  cites_property(21);
  Turns turns;
  for (int i = 0; i < 20; ++i) {
    turns.now += 100ms;
    EXPECT_FALSE(turns.codel.drops(turns.now, 1s));
  }
  Turns others;
  others.pass(1, 50ms);
  others.now += 90ms;
  EXPECT_EQ(others.pass(2, 50ms), 0) << "nor for those who come in the next one";
}

TEST(Codel, AnIntervalWithOneTurnSaysNothingOfTheNext) {
  cites_property(21);
  Turns turns;
  turns.pass(1, 50ms);
  turns.now += 90ms;
  EXPECT_EQ(turns.pass(9, 50ms), 0);
}

TEST(Codel, ALongSilenceEndsIt) {
  cites_property(21);
  Turns turns;
  turns.pass(20, 50ms);
  turns.now += 200ms;
  EXPECT_EQ(turns.pass(10, 50ms), 0);
}

// Property 21, said by looking back over all that was.
RC_GTEST_PROP(CodelProperty, NobodyIsDroppedThatWasQuickOrAloneOrAmongQuickOnes, ()) {
  cites_property(21);
  using Turn = std::pair<int, int>;  // ms since the one before, ms waited
  const auto turns = *rc::gen::container<std::vector<Turn>>(rc::gen::pair(
      rc::gen::element(1, 1, 3, 10, 20, 90, 150),
      rc::gen::weightedOneOf<int>({{9, rc::gen::inRange(6, 60)}, {1, rc::gen::inRange(0, 11)}})));
  Codel codel{rules};
  Instant now{};
  std::vector<std::pair<Instant, Duration>> past;
  for (const auto& [gap, waited_ms] : turns) {
    now += std::chrono::milliseconds{gap};
    const Duration waited = std::chrono::milliseconds{waited_ms};
    const bool dropped = codel.drops(now, waited);
    if (dropped) {
      RC_ASSERT(waited > 2 * rules.target);
      std::size_t recent = 0;
      for (const auto& [at, other] : past) {
        if (at < now - rules.interval) continue;
        ++recent;
        RC_ASSERT(other > rules.target);
      }
      RC_ASSERT(recent >= 1U);
    }
    past.emplace_back(now, waited);
  }
}

}  // namespace
}  // namespace ordeal::pool::core
