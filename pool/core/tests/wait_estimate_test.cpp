// How long a newcomer would wait, against a plain sum; and that the estimate can be unlearnt.
#include "pool/core/wait_estimate.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <vector>

#include "testing/cites/cites.hpp"

namespace ordeal::pool::core {
namespace {

using namespace std::chrono_literals;

WaitEstimate estimate_of(Duration held) {
  WaitEstimate estimate;
  estimate.note(held);
  return estimate;
}

TEST(WaitEstimate, NobodyIsLateBeforeAnybodyHasBeenThrough) {
  EXPECT_EQ(WaitEstimate{}.lateness(1'000'000, 1, 1ns), 0ns);
}

TEST(WaitEstimate, WhoStandsFirstIsNeverLate) {
  cites_property(24);
  EXPECT_EQ(estimate_of(1h).lateness(0, 1, 1ns), 0ns);
}

TEST(WaitEstimate, IsTheirTimesSharedAmongTheSlotsAndOnesOwn) {
  cites_property(24);
  const WaitEstimate estimate = estimate_of(10ms);
  EXPECT_EQ(estimate.lateness(3, 2, 30ms), 0ns) << "four turns on two slots, and its own: 30 ms";
  EXPECT_EQ(estimate.lateness(3, 2, 29ms), 1ms) << "and by how much it would be late";
  EXPECT_EQ(estimate.lateness(3, 1, 29ms), 21ms) << "one slot";
}

TEST(WaitEstimate, WithoutSlotsNobodyKnows) { EXPECT_EQ(estimate_of(1s).lateness(9, 0, 1ns), 0ns); }

TEST(WaitEstimate, HoldsTheGreatestNumbersWithoutOverflow) {
  const WaitEstimate estimate = estimate_of(Duration::max() / 2);
  EXPECT_GT(estimate.lateness(SIZE_MAX, 1, Duration::max() / 4), 0ns - 1ns);
  EXPECT_GT(estimate.lateness(1'000'000, 1, 1h), 0ns);
}

TEST(WaitEstimate, AFewTimesOfAnotherKindAreLearnt) {
  WaitEstimate estimate = estimate_of(1s);
  for (int i = 0; i < 40; ++i) estimate.note(10ms);
  EXPECT_LT(estimate.mean(), 20ms);
  for (int i = 0; i < 40; ++i) estimate.note(1s);
  EXPECT_GT(estimate.mean(), 900ms);
}

RC_GTEST_PROP(WaitEstimateProperty, TheMeanLiesBetweenTheLeastAndTheGreatest, ()) {
  const auto times =
      *rc::gen::nonEmpty(rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 1'000'000'000)));
  WaitEstimate estimate;
  for (const int time : times) estimate.note(Duration{time});
  const auto [least, greatest] = std::minmax_element(times.begin(), times.end());
  RC_ASSERT(estimate.mean() >= Duration{*least});
  RC_ASSERT(estimate.mean() <= Duration{*greatest});
}

RC_GTEST_PROP(WaitEstimateProperty, MoreAheadOrFewerSlotsOrLessTimeIsNeverLessLate, ()) {
  const WaitEstimate estimate = estimate_of(Duration{*rc::gen::inRange(0, 1'000'000'000)});
  const auto ahead = static_cast<std::size_t>(*rc::gen::inRange(1, 2'000));
  const auto slots = static_cast<std::size_t>(*rc::gen::inRange(2, 100));
  const Duration remaining{*rc::gen::inRange(1, 1'000'000'000)};
  const Duration late = estimate.lateness(ahead, slots, remaining);
  RC_ASSERT(late >= 0ns);
  RC_ASSERT(estimate.lateness(ahead + 1, slots, remaining) >= late);
  RC_ASSERT(estimate.lateness(ahead, slots - 1, remaining) >= late);
  RC_ASSERT(estimate.lateness(ahead, slots, remaining - 1ns) >= late);
  RC_ASSERT(estimate.lateness(ahead, slots, remaining + late) == 0ns);
}

}  // namespace
}  // namespace ordeal::pool::core
