// Delays and the budget of retries, each against its closed form (core/retry.hpp,
// retry_budget.hpp).
#include "pool/core/retry.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <stdexcept>
#include <vector>

#include "pool/core/retry_budget.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool::core {
namespace {

using namespace std::chrono_literals;

RetryPolicy policy(Backoff backoff, Duration base, Duration cap, int jitter = 0) {
  return {.max_retries = 1,
          .backoff = backoff,
          .jitter_percent = static_cast<std::uint8_t>(jitter),
          .base_delay = base,
          .max_delay = cap};
}

std::vector<Duration> first_five(Backoff backoff) {
  Random random(1);
  std::vector<Duration> delays;
  for (std::uint32_t n = 1; n <= 5; ++n) {
    delays.push_back(retry_delay(policy(backoff, 10ms, 45ms), n, {}, random));
  }
  return delays;
}

TEST(RetryDelay, FollowsItsClosedFormUpToTheCap) {
  cites(40);
  using Delays = std::vector<Duration>;
  EXPECT_EQ(first_five(Backoff::constant), (Delays{10ms, 10ms, 10ms, 10ms, 10ms}));
  EXPECT_EQ(first_five(Backoff::linear), (Delays{10ms, 20ms, 30ms, 40ms, 45ms}));
  EXPECT_EQ(first_five(Backoff::exponential), (Delays{10ms, 20ms, 40ms, 45ms, 45ms}));
  EXPECT_EQ(first_five(Backoff::fibonacci), (Delays{10ms, 10ms, 20ms, 30ms, 45ms}));
}

TEST(RetryDelay, CustomDelaysAreTheTablesAndTheCapHoldsForThemToo) {
  cites(39, 40);
  Random random(1);
  RetryPolicy custom = policy(Backoff::custom, 1s, 45ms);
  custom.delays = {10ms, 5ms, 60ms};
  std::vector<Duration> delays;
  for (const std::uint32_t n : {1U, 2U, 3U, 4U, UINT32_MAX}) {
    delays.push_back(retry_delay(custom, n, {}, random));
  }
  EXPECT_EQ(delays, (std::vector<Duration>{10ms, 5ms, 45ms, 45ms, 45ms}));
}

TEST(DelayTable, ClampsWhatAFunctionSaysAndStandsWhereItThrows) {
  cites(39);
  const DelayTable absurd = DelayTable::from([](std::uint32_t retry) -> Duration {
    if (retry == 1) return -1s;
    if (retry == 2) return 1ns;
    if (retry == 3) throw std::runtime_error("no idea");
    if (retry == 4) return Duration::max();
    throw 5;
  });
  EXPECT_EQ(absurd.size(), DelayTable::size_max);
  EXPECT_EQ(absurd.at(1), 0ns);
  EXPECT_EQ(absurd.at(2), 1us);
  EXPECT_EQ(absurd.at(3), 1us);
  EXPECT_EQ(absurd.at(4), DelayTable::delay_max);
  EXPECT_EQ(absurd.at(UINT32_MAX), DelayTable::delay_max);
  EXPECT_EQ(DelayTable::from([](std::uint32_t) -> Duration { throw 1; }).at(1), 0ns);
  EXPECT_EQ(DelayTable{}.at(1), 0ns);
}

TEST(DelayTable, KnowsThatItWasGivenTooMany) {
  DelayTable table;
  for (std::size_t i = 0; i < DelayTable::size_max; ++i) table.add(1s);
  EXPECT_EQ(table.size(), 16U);
  for (int i = 0; i < 500; ++i) table.add(2s);
  EXPECT_EQ(table.size(), 17U);
  EXPECT_EQ(table.at(400), 1s);
}

TEST(RetryDelay, OfTheMostDistantRetryIsTheCap) {
  cites(39);
  cites_property(11);
  Random random(1);
  for (const Backoff backoff : {Backoff::linear, Backoff::exponential, Backoff::fibonacci}) {
    for (const std::uint32_t n : {93U, 1U << 31, UINT32_MAX}) {
      EXPECT_EQ(retry_delay(policy(backoff, 1s, 30s), n, {}, random), 30s);
      EXPECT_EQ(retry_delay(policy(backoff, Duration::max(), Duration::max()), n, {}, random),
                Duration::max());
    }
  }
}

TEST(RetryDelay, IsEvenOnBothSidesAndMakesNoHeapAtTheCap) {
  cites(41);
  Random random(7);
  const RetryPolicy below = policy(Backoff::constant, 1000ns, 10us, 25);
  const RetryPolicy at_cap = policy(Backoff::constant, 1000ns, 1000ns, 25);
  int shorter = 0;
  int longer = 0;
  int at_the_cap = 0;
  for (int i = 0; i < 20'000; ++i) {
    const Duration delay = retry_delay(below, 1, {}, random);
    shorter += delay < 1000ns;
    longer += delay > 1000ns;
    EXPECT_TRUE(delay >= 750ns && delay <= 1250ns);
    at_the_cap += retry_delay(at_cap, 1, {}, random) == 1000ns;
  }
  EXPECT_NEAR(shorter, longer, 700);  // 5 sigma
  EXPECT_LT(at_the_cap, 150);         // 1 of 251 possible delays; clamping samples gives half
}

RC_GTEST_PROP(RetryDelayModel, StaysInItsRangeForAnyRetryAndAnyBase, (std::uint64_t seed)) {
  cites(39, 40, 41);
  cites_property(11);
  RetryPolicy p =
      policy(static_cast<Backoff>(*rc::gen::inRange(0, 6)),
             Duration{*rc::gen::inRange<std::int64_t>(0, INT64_MAX)},
             Duration{*rc::gen::inRange<std::int64_t>(0, INT64_MAX)}, *rc::gen::inRange(0, 101));
  for (int delays = *rc::gen::inRange(1, 18); delays > 0; --delays) {
    p.delays.add(Duration{*rc::gen::arbitrary<std::int64_t>()});
  }
  const auto n = std::max(1U, *rc::gen::arbitrary<std::uint32_t>());
  Random random(seed);
  Random again(seed);
  Duration last{};
  for (std::uint32_t i = 0; i < 4 && n + i >= n; ++i) {
    const DelayRange range = delay_range(p, n + i, last);
    const Duration delay = retry_delay(p, n + i, last, random);
    RC_ASSERT(range.lowest >= Duration::zero());
    RC_ASSERT(delay >= range.lowest && delay <= range.highest && delay <= p.max_delay);
    RC_ASSERT(delay == retry_delay(p, n + i, last, again));
    if (p.backoff == Backoff::decorrelated) {
      RC_ASSERT(delay >= std::min(p.base_delay, p.max_delay));
    } else if (p.jitter_percent == 0 && i > 0 && p.backoff != Backoff::custom) {
      RC_ASSERT(delay >= last);
    }
    last = delay;
  }
}

TEST(RetryBudget, BeginsFullIsSpentAndIsEarnedBack) {
  cites_property(14);
  RetryBudget budget({.percent = 20, .retries_max = 2, .per_second = 0});
  const Instant now{1s};
  EXPECT_TRUE(budget.charge(now));
  EXPECT_TRUE(budget.charge(now));
  EXPECT_FALSE(budget.charge(now));
  for (int i = 0; i < 4; ++i) budget.earn();
  EXPECT_FALSE(budget.charge(now));
  budget.earn();
  EXPECT_TRUE(budget.charge(now));
  budget.refund();
  EXPECT_TRUE(budget.charge(now));
}

TEST(RetryBudget, TimeBringsWholeTokensAndLosesNone) {
  cites_property(14);
  RetryBudget budget({.percent = 0, .retries_max = 1, .per_second = 3});
  Instant now{1s};
  EXPECT_TRUE(budget.charge(now));
  int made = 0;
  for (int i = 0; i < 100'000; ++i) made += budget.charge(now += 100us);
  EXPECT_EQ(made, 30);  // 3 a second for 10 s, though no step brings a whole milli-token
}

RC_GTEST_PROP(RetryBudgetModel, NeverAffordsMoreThanItsBound, ()) {
  cites_property(14);
  const RetryBudgetOptions o{.percent = *rc::gen::inRange(0U, 101U),
                             .retries_max = *rc::gen::inRange(0U, 20U),
                             .per_second = *rc::gen::inRange(0U, 20U)};
  RetryBudget budget(o);
  Instant now{1s};
  struct At {
    Instant when;
    std::int64_t firsts, extras;
  };
  std::vector<At> marks{{now, 0, 0}};
  std::int64_t firsts = 0;
  std::int64_t extras = 0;
  for (const int step : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 400))) {
    if (step % 4 == 0) {
      budget.earn();
      ++firsts;
    } else if (step % 4 == 1) {
      now += Duration{step * 1ms};
    } else {
      extras += budget.charge(now);
    }
    RC_ASSERT(budget.tokens() >= 0 && budget.tokens() <= budget.capacity());
    for (const At& s : marks) {
      const std::int64_t thousandths = 1000 * o.retries_max + 10 * o.percent * (firsts - s.firsts) +
                                       o.per_second * ((now - s.when) / 1ms) + 1000;
      RC_ASSERT(1000 * (extras - s.extras) <= thousandths);
    }
    marks.push_back({now, firsts, extras});
  }
}

}  // namespace
}  // namespace ordeal::pool::core
