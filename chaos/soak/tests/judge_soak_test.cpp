// The verdicts of a soak judge made-up results: each check is seen to fail.
#include <gtest/gtest.h>

#include "chaos/soak/soak.hpp"

namespace ordeal::chaos {
namespace {

using Kind = trial::Verdict::Kind;

// A soak in which all went well.
struct MadeUpSoak {
  MadeUpSoak() {
    plan.requests = 30'000;
    result.forked = {.sent = 20'000, .ok = 19'990, .failed = 4, .indeterminate = 6};
    result.forked.idempotent = result.forked.idempotent_ok = 15'000;
    result.forked.attempts_cut_short = 40;
    result.relayed = {.sent = 10'000, .ok = 10'000};
    result.kills = 100;
    result.wire_faults = 10;
    result.lasted = plan.kill_every * 100;
    result.fds_before = result.fds_after = 6;
    result.fds_begun = result.fds_ended = 70;
    result.whole = true;
    for (std::uint64_t i = 0; i < 100; ++i) result.samples.push_back({i * 300, 10'000'000});
  }
  [[nodiscard]] Kind kind_of(std::string_view name) const {
    for (const Check& check : judge_soak(plan, result)) {
      if (check.name == name) return check.verdict.kind();
    }
    ADD_FAILURE() << "no check is called " << name;
    return Kind::unknown;
  }
  [[nodiscard]] Kind overall_kind() const { return overall(judge_soak(plan, result)).kind(); }
  SoakPlan plan;
  SoakResult result;
};

TEST(SoakVerdict, PassesWhenAllAddsUp) { EXPECT_EQ(MadeUpSoak{}.overall_kind(), Kind::pass); }

TEST(SoakVerdict, FailsOnALostCall) {
  MadeUpSoak soak;
  --soak.result.forked.ok;
  ++soak.result.forked.lost;
  EXPECT_EQ(soak.kind_of("conservation_forked"), Kind::fail);
}

TEST(SoakVerdict, FailsOnACallWithTwoOutcomes) {
  MadeUpSoak soak;
  ++soak.result.relayed.failed;
  EXPECT_EQ(soak.kind_of("conservation_relayed"), Kind::fail);
}

TEST(SoakVerdict, FailsOnAReplyToAnother) {
  MadeUpSoak soak;
  soak.result.relayed.mixed_up = 1;
  EXPECT_EQ(soak.kind_of("conservation_relayed"), Kind::fail);
}

TEST(SoakVerdict, FailsWhenOneIdempotentRequestInNineThousandFails) {
  MadeUpSoak soak;
  soak.result.forked.idempotent_ok -= 1;
  EXPECT_EQ(soak.kind_of("idempotent"), Kind::pass);
  soak.result.forked.idempotent_ok -= 1;
  EXPECT_EQ(soak.kind_of("idempotent"), Kind::fail);
}

TEST(SoakVerdict, FailsOnASecondExecution) {
  MadeUpSoak soak;
  soak.result.executed_twice = 1;
  EXPECT_EQ(soak.kind_of("at_most_once"), Kind::fail);
}

TEST(SoakVerdict, FailsOnWhateverIsLeftBehind) {
  MadeUpSoak process, descriptor, growing;
  process.result.left_behind = {"12 python3"};
  ++descriptor.result.fds_after;
  ++growing.result.fds_ended;
  EXPECT_EQ(process.kind_of("leaks"), Kind::fail);
  EXPECT_EQ(descriptor.kind_of("leaks"), Kind::fail);
  EXPECT_EQ(growing.kind_of("leaks"), Kind::fail);
}

TEST(SoakVerdict, FailsOnMemoryThatGrowsOrShrinksByMoreThanFivePercent) {
  for (const std::int64_t step : {11'000, -11'000}) {
    MadeUpSoak soak;
    for (std::size_t i = 0; i < 100; ++i) {
      soak.result.samples[i].rss_kib += step * static_cast<std::int64_t>(i);
    }
    EXPECT_EQ(soak.kind_of("memory"), Kind::fail) << step;
  }
}

TEST(SoakVerdict, ForgivesTheGrowthOfTheWarmUp) {
  MadeUpSoak soak;
  for (std::size_t i = 0; i < 33; ++i) soak.result.samples[i].rss_kib = 10'000;
  EXPECT_EQ(soak.kind_of("memory"), Kind::pass);
}

TEST(SoakVerdict, IsUnknownWithoutProof) {
  MadeUpSoak no_kills, none_struck, rare, unproved, no_wire, too_short;
  no_kills.result.kills = 0;
  none_struck.result.forked.attempts_cut_short = 29;
  rare.result.lasted *= 5;
  unproved.result.kills_unproved = 1;
  no_wire.result.wire_faults = 0;
  too_short.result.samples.resize(5);
  for (const MadeUpSoak* soak : {&no_kills, &none_struck, &rare, &unproved, &no_wire, &too_short}) {
    EXPECT_EQ(soak->overall_kind(), Kind::unknown);
  }
}

TEST(SoakVerdict, FailsOnAPoolThatDoesNotHeal) {
  MadeUpSoak soak;
  soak.result.whole = false;
  EXPECT_EQ(soak.kind_of("capacity"), Kind::fail);
}

}  // namespace
}  // namespace ordeal::chaos
