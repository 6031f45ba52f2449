// When a new version may answer more, and when it must not any more. Time is told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "pool/migration/rollout.hpp"

namespace ordeal::pool::migration {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

RolloutRules short_stages() {
  return {.shares = {0.1, 0.5, 1.0}, .stage_requests = 50, .latency_requests = 20};
}

class RolloutTest : public ::testing::Test {
 protected:
  void answer(Rollout& rollout, Version version, int count, bool failed = false,
              std::chrono::nanoseconds latency = 10ms) {
    for (int i = 0; i < count; ++i) rollout.record(version, failed, latency, now_);
  }
  Rollout::Instant now_{};
};

TEST_F(RolloutTest, GrowsStageByStageUntilItHasPassed) {
  Rollout rollout(short_stages(), 1, now_);
  for (const double share : {0.1, 0.5, 1.0}) {
    EXPECT_EQ(rollout.state(), Rollout::State::running);
    EXPECT_DOUBLE_EQ(rollout.share(), share);
    answer(rollout, Version::old_one, 50);
    answer(rollout, Version::new_one, 49);
    EXPECT_DOUBLE_EQ(rollout.share(), share) << "one answer too few";
    answer(rollout, Version::new_one, 1);
  }
  EXPECT_EQ(rollout.state(), Rollout::State::passed);
  EXPECT_DOUBLE_EQ(rollout.share(), 1);
}

TEST_F(RolloutTest, AStageLastsAtLeastItsTime) {
  RolloutRules rules = short_stages();
  rules.stage_time = 1s;
  Rollout rollout(rules, 1, now_);
  now_ += 999ms;
  answer(rollout, Version::new_one, 200);
  EXPECT_EQ(rollout.stage(), 0U);
  now_ += 1ms;
  answer(rollout, Version::new_one, 1);
  EXPECT_EQ(rollout.stage(), 1U);
}

TEST_F(RolloutTest, AFailingVersionIsTakenBackWithAFewRequests) {
  Rollout rollout(short_stages(), 1, now_);
  answer(rollout, Version::old_one, 400);
  answer(rollout, Version::new_one, 2, true);
  EXPECT_EQ(rollout.state(), Rollout::State::running) << "anybody's first two may fail";
  answer(rollout, Version::new_one, 1, true);
  EXPECT_EQ(rollout.state(), Rollout::State::failed);
  EXPECT_DOUBLE_EQ(rollout.share(), 0);
  EXPECT_EQ(rollout.next(), Version::old_one);
  EXPECT_THAT(rollout.reason(), HasSubstr("failed 3 of 3 requests at a share of 0.1"));
  const std::string reason = rollout.reason();
  answer(rollout, Version::new_one, 500);
  EXPECT_EQ(rollout.state(), Rollout::State::failed) << "for good";
  EXPECT_EQ(rollout.reason(), reason);
}

TEST_F(RolloutTest, AFewFailuresOfManyAreNoProof) {
  Rollout rollout(short_stages(), 1, now_);
  answer(rollout, Version::old_one, 400);
  answer(rollout, Version::new_one, 40);
  answer(rollout, Version::new_one, 4, true);  // 9 %, but it could be 4 %
  EXPECT_EQ(rollout.state(), Rollout::State::running);
  answer(rollout, Version::new_one, 4, true);
  EXPECT_EQ(rollout.state(), Rollout::State::failed);
}

TEST_F(RolloutTest, WhatFailsInTheOldVersionTooIsNotHeldAgainstTheNewOne) {
  Rollout rollout(short_stages(), 1, now_);
  answer(rollout, Version::old_one, 100);
  answer(rollout, Version::old_one, 100, true);
  for (int i = 0; i < 24; ++i) {
    answer(rollout, Version::new_one, 1, true);
    answer(rollout, Version::new_one, 1);
  }
  EXPECT_EQ(rollout.state(), Rollout::State::running) << rollout.reason();
  // But a version that only fails is found out whatever the old one did.
  Rollout worse(short_stages(), 1, now_);
  answer(worse, Version::old_one, 100);
  answer(worse, Version::old_one, 100, true);
  answer(worse, Version::new_one, 30, true);
  EXPECT_EQ(worse.state(), Rollout::State::failed);
}

TEST_F(RolloutTest, ASlowVersionIsTakenBackAlsoWhenTheOldOneAnswersNothingAnyMore) {
  Rollout rollout(short_stages(), 1, now_);
  answer(rollout, Version::old_one, 100, false, 10ms);
  answer(rollout, Version::new_one, 100, false, 10ms);
  ASSERT_EQ(rollout.stage(), 2U);
  answer(rollout, Version::new_one, 19, false, 25ms);
  EXPECT_EQ(rollout.state(), Rollout::State::running) << "too few to judge";
  answer(rollout, Version::new_one, 1, false, 25ms);
  EXPECT_EQ(rollout.state(), Rollout::State::failed);
  EXPECT_THAT(rollout.reason(), HasSubstr("p90 of the new version is 25.00 ms"));
}

TEST_F(RolloutTest, TwiceAsSlowIsNothingAmongMicroseconds) {
  Rollout rollout(short_stages(), 1, now_);
  answer(rollout, Version::old_one, 100, false, 50us);
  answer(rollout, Version::new_one, 40, false, 900us);
  EXPECT_EQ(rollout.state(), Rollout::State::running);
  answer(rollout, Version::new_one, 9, false, 2ms);
  EXPECT_EQ(rollout.state(), Rollout::State::failed);
}

TEST(Rollout, TheSameSeedChoosesTheSameRequestsAndTheShareIsKept) {
  Rollout first({.shares = {0.25}, .stage_requests = 1}, 7, {});
  Rollout second({.shares = {0.25}, .stage_requests = 1}, 7, {});
  int chosen = 0;
  for (int i = 0; i < 10'000; ++i) {
    const Version version = first.next();
    EXPECT_EQ(second.next(), version);
    if (version == Version::new_one) ++chosen;
  }
  EXPECT_NEAR(chosen, 2500, 200);
}

RC_GTEST_PROP(Rollout, TheShareNeverShrinksButToNothingForGood, ()) {
  RolloutRules rules = short_stages();
  rules.stage_requests = *rc::gen::inRange(1, 40);
  Rollout rollout(rules, 1, {});
  Rollout::Instant now{};
  double before = rollout.share();
  for (int i = 0; i < 300; ++i) {
    const auto version = *rc::gen::element(Version::old_one, Version::new_one);
    const bool failed = *rc::gen::weightedElement<bool>({{60, false}, {1, true}});
    now += 1ms;
    rollout.record(version, failed, std::chrono::milliseconds{*rc::gen::inRange(1, 4)}, now);
    const double share = rollout.share();
    RC_ASSERT(share >= before || share == 0);
    if (before == 0) RC_ASSERT(share == 0);
    RC_ASSERT((rollout.state() == Rollout::State::failed) == !rollout.reason().empty());
    before = share;
  }
}

TEST(Rollout, RulesThatMeanNothingAreNamed) {
  const auto broken = [](auto change) {
    RolloutRules rules;
    change(rules);
    return broken_rule(rules);
  };
  EXPECT_EQ(broken_rule({}), "");
  EXPECT_EQ(broken([](auto& rules) { rules.shares = {}; }), "rollout.shares: at least one share");
  EXPECT_EQ(broken([](auto& rules) {
              rules.shares = {0.5, 0.5};
            }),
            "rollout.shares 0.5: each greater than the one before it, at most 1");
  EXPECT_EQ(broken([](auto& rules) { rules.shares = {1.5}; }),
            "rollout.shares 1.5: each greater than the one before it, at most 1");
  EXPECT_EQ(broken([](auto& rules) { rules.stage_requests = 0; }),
            "rollout.stage_requests 0: at least 1");
  EXPECT_EQ(broken([](auto& rules) { rules.failures_min = 0; }),
            "rollout.failures_min 0: at least 1");
  EXPECT_EQ(broken([](auto& rules) { rules.error_rate_max = 1; }),
            "rollout.error_rate_max 1: at least 0 and below 1");
  EXPECT_EQ(broken([](auto& rules) { rules.latency_percent = 101; }),
            "rollout.latency_percent 101: 1 to 100");
  EXPECT_EQ(broken([](auto& rules) { rules.latency_ratio_max = 0.5; }),
            "rollout.latency_ratio_max 0.5: at least 1");
  EXPECT_EQ(broken([](auto& rules) { rules.latency_requests = 513; }),
            "rollout.latency_requests 513: 1 to 512");
}

TEST(Wilson, IsWhatTheTablesSay) {
  EXPECT_DOUBLE_EQ(wilson_lower(0, 10), 0);
  EXPECT_NEAR(wilson_lower(5, 10), 0.2366, 1e-4);
  EXPECT_NEAR(wilson_lower(10, 100), 0.0552, 1e-4);
  EXPECT_EQ(wilson_lower(0, 0), 0);
}

}  // namespace
}  // namespace ordeal::pool::migration
