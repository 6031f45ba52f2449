// Backoff and the random numbers behind its jitter.
#include "pool/core/backoff.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>

#include "testing/cites/cites.hpp"

namespace ordeal::pool::core {
namespace {

using namespace std::chrono_literals;

TEST(Random, IsTheSameOnEveryMachine) {
  // xoshiro256** from splitmix64(0): values of the authors' reference code.
  Random random(0);
  EXPECT_EQ(random.next(), 11091344671253066420U);
  EXPECT_EQ(random.next(), 13793997310169335082U);
  EXPECT_EQ(random.next(), 1900383378846508768U);
}

TEST(Random, BoundedDrawsAreEven) {
  Random random(42);
  std::array<int, 6> counts{};
  for (int i = 0; i < 60000; ++i) ++counts[random.below(6)];
  for (const int count : counts) EXPECT_NEAR(count, 10000, 500);  // 5 sigma: 456
}

RC_GTEST_PROP(RandomModel, DrawsStayInTheirRange, (std::uint64_t seed)) {
  Random random(seed);
  const auto bound = *rc::gen::nonZero<std::uint64_t>();
  RC_ASSERT(random.below(bound) < bound);
  const auto a = *rc::gen::arbitrary<std::int64_t>();
  const auto b = *rc::gen::arbitrary<std::int64_t>();
  const std::int64_t draw = random.between(std::min(a, b), std::max(a, b));
  RC_ASSERT(draw >= std::min(a, b) && draw <= std::max(a, b));
  RC_ASSERT(!random.chance(0, bound));
  RC_ASSERT(random.chance(bound, bound));
}

TEST(Random, TheWholeRangeIsARange) {
  Random random(7);
  bool negative = false;
  bool positive = false;
  for (int i = 0; i < 64; ++i) {
    const std::int64_t draw = random.between(INT64_MIN, INT64_MAX);
    negative = negative || draw < 0;
    positive = positive || draw > 0;
  }
  EXPECT_TRUE(negative && positive);
}

TEST(Backoff, DoublesUpToItsCap) {
  cites(40);
  EXPECT_EQ(backoff_ceiling(100ms, 1s, 0), 0s);
  EXPECT_EQ(backoff_ceiling(100ms, 1s, 1), 100ms);
  EXPECT_EQ(backoff_ceiling(100ms, 1s, 2), 200ms);
  EXPECT_EQ(backoff_ceiling(100ms, 1s, 4), 800ms);
  EXPECT_EQ(backoff_ceiling(100ms, 1s, 5), 1s);
  EXPECT_EQ(backoff_ceiling(100ms, 1s, UINT32_MAX), 1s);
  EXPECT_EQ(backoff_ceiling(2s, 1s, 1), 1s);
  EXPECT_EQ(backoff_ceiling(0s, 1s, 9), 0s);
}

TEST(Backoff, JitterReachesBothEndsOfItsRange) {
  Random random(1);
  Duration shortest = 1s;
  Duration longest{};
  for (int i = 0; i < 1000; ++i) {
    const Duration delay = backoff_delay(1000ns, 1000ns, 1, random);
    shortest = std::min(shortest, delay);
    longest = std::max(longest, delay);
  }
  EXPECT_LT(shortest, 510ns);
  EXPECT_GT(longest, 990ns);
}

RC_GTEST_PROP(BackoffModel, IsNeverAboveItsCapAndNeverShrinks, (std::uint64_t seed)) {
  const Duration base{*rc::gen::inRange<std::int64_t>(0, INT64_MAX)};
  const Duration cap{*rc::gen::inRange<std::int64_t>(0, INT64_MAX)};
  const auto failures = *rc::gen::arbitrary<std::uint32_t>();
  Random random(seed);
  Random again(seed);
  const Duration delay = backoff_delay(base, cap, failures, random);
  RC_ASSERT(delay >= Duration::zero());
  RC_ASSERT(delay <= cap);
  RC_ASSERT(delay == backoff_delay(base, cap, failures, again));
  const Duration ceiling = backoff_ceiling(base, cap, failures);
  RC_ASSERT(delay <= ceiling && delay >= ceiling / 2);
  if (failures < UINT32_MAX) RC_ASSERT(ceiling <= backoff_ceiling(base, cap, failures + 1));
}

}  // namespace
}  // namespace ordeal::pool::core
