// The time that deadlines are made of.
#include "pool/runtime/clock.hpp"

#include <gtest/gtest.h>

#include <ctime>

#include "testing/cites/cites.hpp"
#include "testing/timeouts/timeouts.hpp"

namespace ordeal::pool::runtime {
namespace {

Instant monotonic() {
  timespec at{};
  clock_gettime(CLOCK_MONOTONIC, &at);
  return Instant{std::chrono::seconds{at.tv_sec} + std::chrono::nanoseconds{at.tv_nsec}};
}

TEST(Clock, IsTheMonotonicOneSoThatNoStepOfTheWallClockMovesADeadline) {
  cites_bug_class(20);
  for (int i = 0; i < 1000; ++i) {
    const Instant before = monotonic();
    const Instant at = now();
    const Instant after = monotonic();
    ASSERT_LE(before, at);
    ASSERT_LE(at, after);
  }
  const Instant at = now();
  EXPECT_EQ(to_instant(to_steady(at)), at);
}

TEST(Clock, RecentlyIsNeverLaterThanNow) {
  Instant before{};
  for (int i = 0; i < 1000; ++i) {
    const Instant recent = recent_now();
    ASSERT_LE(recent, monotonic());
    ASSERT_LE(before, recent);
    before = recent;
  }
}

// The kernel's clocks behind the waits: of an instant that is over each returns at once.
TEST(Clock, IsTheOneThatEveryWaitGoesBy) {
  cites_bug_class(20);
  const Instant past = now() - std::chrono::nanoseconds{1};
  WakeWord word;
  word.wait_until(past, word.ticket());
  EXPECT_EQ(poll_until({}, past), 0);
  EXPECT_EQ(milliseconds_until(past, now()), 0);
  const Instant soon = now() + std::chrono::milliseconds{5};
  trial::declare_deadline(soon);
  word.wait_until(soon, word.ticket());
  EXPECT_GE(now(), soon);
  const Instant later = now() + std::chrono::milliseconds{5};
  trial::declare_deadline(later);
  poll_until({}, later);
  EXPECT_GE(now(), later);
}

}  // namespace
}  // namespace ordeal::pool::runtime
