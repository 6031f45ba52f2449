#include "pool/core/concurrency_limit.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <vector>

#include "testing/cites/cites.hpp"

namespace ordeal::pool::core {
namespace {

using namespace std::chrono_literals;

constexpr LimitRules rules{.max = 100, .min = 2};

// So many workers, each of which needs so long: everybody who is let in waits its turn.
void serve(ConcurrencyLimit& limit, std::uint32_t workers, Duration in_worker, int windows) {
  for (int i = 0; i < windows; ++i) {
    const std::uint32_t inside = limit.limit();
    for (std::uint32_t n = 0; n < std::max(10U, 2 * inside); ++n) {
      (void)limit.admits(inside - 1);
      limit.note_answer(in_worker * std::max(inside, workers) / workers, in_worker);
    }
  }
}

RC_GTEST_PROP(Limit, StaysWithinItsBoundsWhateverHappens, ()) {
  cites_property(22);
  const LimitRules any{.max = *rc::gen::inRange(1U, 2000U),
                       .min = *rc::gen::inRange(1U, 50U),
                       .tolerance_percent = *rc::gen::inRange(100U, 1000U)};
  RC_PRE(any.min <= any.max);
  ConcurrencyLimit limit(any, *rc::gen::inRange(0U, 3000U));
  const auto row = *rc::gen::container<std::vector<std::int64_t>>(
      rc::gen::inRange<std::int64_t>(-5, 1'000'000'000'000));
  for (const std::int64_t drawn : row) {
    for (int i = 0; i < 25; ++i) {
      (void)limit.admits(limit.limit() - 1);
      drawn <= 0 ? limit.note_missed_deadline()
                 : limit.note_answer(Duration{drawn}, Duration{drawn / (1 + drawn % 7)});
      RC_ASSERT(limit.limit() >= any.min && limit.limit() <= any.max);
    }
  }
}

TEST(Limit, SettlesNearWhatTheWorkersCanDo) {
  cites_property(22);
  for (const std::uint32_t first : {2U, 100U}) {
    ConcurrencyLimit limit(rules, first);
    serve(limit, 4, 10ms, 100);
    EXPECT_GE(limit.limit(), 8U) << "from " << first;
    EXPECT_LE(limit.limit(), 14U) << "from " << first;
  }
}

TEST(Limit, FallsToItsLeastIfDeadlinesAreMissedForEver) {
  cites_property(22);
  ConcurrencyLimit limit(rules, 100);
  for (int i = 0; i < 10'000; ++i) limit.note_missed_deadline();
  EXPECT_EQ(limit.limit(), rules.min);
}

TEST(Limit, DoesNotGrowWhileLessThanHalfOfItIsInUse) {
  cites_property(22);
  ConcurrencyLimit limit(rules, 10);
  for (int i = 0; i < 1000; ++i) {
    (void)limit.admits(3);
    limit.note_answer(10ms, 10ms);
  }
  EXPECT_EQ(limit.limit(), 10U);
  for (int i = 0; i < 1000; ++i) {
    (void)limit.admits(limit.limit() - 1);
    limit.note_answer(10ms, 10ms);
  }
  EXPECT_GT(limit.limit(), 10U);
}

TEST(Limit, FallsWhenTheWorkersGetSlowerTogetherAndRecoversWhenTheyAreQuickAgain) {
  cites_property(22);
  ConcurrencyLimit limit(rules, 8);
  serve(limit, 4, 10ms, 100);
  const std::uint32_t before = limit.limit();
  serve(limit, 4, 100ms, 25);
  EXPECT_LE(2 * limit.limit(), before);
  serve(limit, 4, 10ms, 60);
  EXPECT_GE(10 * limit.limit(), 9 * before);
}

TEST(Limit, OneSlowAnswerMovesNothing) {
  cites_property(22);
  ConcurrencyLimit limit(rules, 10);
  limit.note_answer(1h, 1ms);
  EXPECT_EQ(limit.limit(), 10U);
  EXPECT_TRUE(limit.admits(9));
  EXPECT_FALSE(limit.admits(10));
}

}  // namespace
}  // namespace ordeal::pool::core
