// Busy or stuck: every pair of looks against the rules, said once more and naively.
#include "pool/core/vigil.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <optional>
#include <vector>

#include "testing/cites/cites.hpp"

namespace ordeal::pool::core {
namespace {

using namespace std::chrono_literals;

struct Seen {
  Sign sign;
  Instant at{};
  Instant held_since{};
  std::uint64_t answered = 0;
};

Stuck naive(const std::optional<Seen>& before, const Seen& now, bool beats) {
  if (!before) return Stuck::no;
  const bool same_request = now.held_since <= before->at && now.answered == before->answered;
  if (!same_request || now.sign.reports > 0) return Stuck::no;
  const bool still =
      before->sign.trace == now.sign.trace && before->sign.activity == now.sign.activity;
  if (still && now.sign.activity == Activity::stopped) return Stuck::stopped;
  if (still && now.sign.activity == Activity::locked) return Stuck::locked;
  if (!beats || now.sign.beats > 0 || now.sign.activity == Activity::unknown) return Stuck::no;
  const bool had_no_processor =
      before->sign.trace == now.sign.trace && !(still && now.sign.activity == Activity::waits);
  return had_no_processor ? Stuck::no : Stuck::silent;
}

RC_GTEST_PROP(Vigil, JudgesEveryRowOfLooksAsTheRulesSay, ()) {
  cites_bug_class(10);
  const bool beats = *rc::gen::arbitrary<bool>();
  Vigil vigil;
  std::optional<Seen> before;
  Seen now;
  const auto row = *rc::gen::container<std::vector<std::uint32_t>>(rc::gen::inRange(0U, 4096U));
  for (const std::uint32_t drawn : row) {
    now.at += 1s;
    now.sign = {.activity = static_cast<Activity>(drawn % 5),
                .trace = drawn / 5 % 4 == 3 ? now.sign.trace + 1 : now.sign.trace,
                .reports = drawn / 20 % 8 == 7 ? 1U : 0U,
                .beats = drawn / 160 % 2};
    if (drawn / 320 % 6 == 5) now.held_since = now.at - 1ms;
    if (drawn / 320 % 6 == 4) ++now.answered;
    const Stuck expected = naive(before, now, beats);
    RC_ASSERT(vigil.judge(now.sign, now.at, now.held_since, now.answered, beats) == expected);
    RC_ASSERT(vigil.verdict() == expected);
    RC_ASSERT(expected == Stuck::no || vigil.since() < now.at);
    before = now;
  }
}

TEST(Vigil, TellsForHowLongItHasBeenSo) {
  Vigil vigil;
  const Sign locked{.activity = Activity::locked};
  for (int i = 1; i <= 4; ++i) {
    (void)vigil.judge(locked, Instant{} + i * 1s, Instant{}, 0, false);
  }
  EXPECT_EQ(vigil.verdict(), Stuck::locked);
  EXPECT_EQ(vigil.since(), Instant{} + 1s);
}

}  // namespace
}  // namespace ordeal::pool::core
