// Comparisons of samplers whose figures are drawn, so that the truth is known.
#include "perf/compare/session.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "perf/stats/verdict.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::perf {
namespace {

using testing::Contains;
using testing::HasSubstr;
using enum VerdictKind;

Sampler fake(std::vector<std::string> options) {
  Sampler sampler{.command = {"python3", "-I", "-S", ORDEAL_FAKE_SAMPLER}};
  sampler.command.insert(sampler.command.end(), options.begin(), options.end());
  return sampler;
}

SessionPlan plan_of(std::vector<std::string> old_options, std::vector<std::string> new_options) {
  SessionPlan plan;
  plan.old_sampler = fake(std::move(old_options));
  plan.new_sampler = fake(std::move(new_options));
  plan.cases = {{.suite = "fake", .name = "a"}};
  plan.pairs = 5;
  plan.rules.resamples = 0;
  return plan;
}

VerdictKind kind_of(const SessionResult& result, const std::string& metric) {
  for (const auto& verdict : judge(result.pairs, {.resamples = 0})) {
    if (verdict.metric.name == metric) return verdict.kind;
  }
  ADD_FAILURE() << "no metric " << metric;
  return inconclusive;
}

TEST(Session, ASlowerSamplerIsFoundAndConfirmedByASecondStage) {
  cites(55);
  const auto result = run_session(plan_of({}, {"--slower", "0.2", "--counter", "4"}));
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_EQ(result->pairs.cases[0].metrics[0].stages.size(), 2U);
  EXPECT_EQ(kind_of(*result, "cpu"), regression);
  EXPECT_EQ(kind_of(*result, "throughput"), regression);
  EXPECT_EQ(kind_of(*result, "calls"), regression);
}

TEST(Session, EqualSamplersGetNoSecondStageAndNoAlarm) {
  cites(55);
  const auto result = run_session(plan_of({}, {}));
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_EQ(result->pairs.cases[0].metrics[0].stages.size(), 1U);
  EXPECT_EQ(kind_of(*result, "cpu"), equivalent);
  EXPECT_EQ(kind_of(*result, "calls"), equivalent);
}

TEST(Session, RunsAreRandomInOrderAndBalancedInBlocksOfFour) {
  cites(55);
  const std::string order = draw_order(400, 3);
  for (std::size_t i = 0; i < order.size(); i += 4) {
    EXPECT_EQ(std::count(order.begin() + i, order.begin() + i + 4, 'A'), 2);
  }
  EXPECT_NE(order.substr(0, 200), order.substr(200));
  EXPECT_NE(draw_order(40, 1), draw_order(40, 2));
  EXPECT_EQ(draw_order(7, 1).size(), 7U);
}

TEST(Session, OnAnUnfitMachineThereIsNoVerdict) {
  cites(55);
  auto plan = plan_of({"--control", "1"}, {"--slower", "0.5", "--control", "1"});
  plan.second_stage = false;
  const auto result = run_session(plan);
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_EQ(kind_of(*result, "cpu"), unstable);
}

TEST(Session, WhatCannotBeComparedIsSaid) {
  cites(55);
  auto changed = plan_of({}, {"--params", "2"});
  const auto result = run_session(changed);
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_TRUE(result->pairs.cases.empty());
  EXPECT_THAT(result->notes, Contains(HasSubstr("fake/a: not compared: its parameters were")));
  auto zero = plan_of({}, {"--zero", "1"});
  zero.pairs = 2;
  const auto without = run_session(zero);
  ASSERT_TRUE(without) << without.error().text();
  EXPECT_EQ(without->pairs.cases[0].metrics.size(), 2U);
  EXPECT_THAT(without->notes, Contains(HasSubstr("throughput: not compared: is 0 in a run")));
}

TEST(Session, WhatTheMachinesNoiseSaysIsApplied) {
  cites(55);
  auto plan = plan_of({}, {});
  plan.pairs = 2;
  plan.noise = {
      {.suite = "fake", .case_name = "a", .metric = "cpu", .floor = 0.07, .informational = true}};
  const auto result = run_session(plan);
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_EQ(result->pairs.cases[0].metrics[0].floor, 0.07);
  EXPECT_TRUE(result->pairs.cases[0].metrics[0].informational);
  EXPECT_EQ(result->pairs.cases[0].metrics[1].floor, std::nullopt);
}

struct Broken {
  const char* how;
  const char* says;
};

TEST(Session, ASamplerThatFailsIsNamedWithWhatItDid) {
  cites(55);
  const Broken all[] = {{"crash", "died of signal 11"},
                        {"exit", "ended with exit code 7; stderr: the pool did not start"},
                        {"hang", "ran for more than 500 ms and was killed"},
                        {"garbage", "is no JSON"},
                        {"other", "measured fake/another instead"}};
  for (const Broken& broken : all) {
    auto plan = plan_of({}, {"--fail", broken.how});
    if (broken.how == std::string_view{"hang"}) {
      plan.size.time_max = std::chrono::milliseconds{500};
    }
    const auto result = run_session(plan);
    ASSERT_FALSE(result) << broken.how;
    EXPECT_EQ(result.error().kind, ErrorKind::program);
    EXPECT_THAT(result.error().text(), HasSubstr("fake_sampler.py --fail "));
    EXPECT_THAT(result.error().text(), HasSubstr(broken.says));
  }
  auto absent = plan_of({}, {});
  absent.new_sampler.command = {"/no/such/sampler"};
  const auto result = run_session(absent);
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().text(), HasSubstr("cannot start: No such file"));
}

}  // namespace
}  // namespace ordeal::perf
