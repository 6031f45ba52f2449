// The rule, clause by clause: what each is there for.
#include "perf/stats/verdict.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "perf/stats/evidence.hpp"
#include "perf/stats/holm.hpp"
#include "perf/stats/tests/made_samples.hpp"
#include "perf/stats/validity.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::perf {
namespace {

using made::Plan;
using testing::HasSubstr;
using enum VerdictKind;

Verdict only(const PairsFile& file, const Rules& rules = made::quick_rules()) {
  return judge(file, rules).front();
}

PairsFile of(const std::vector<double>& old_values, const std::vector<double>& new_values,
             MetricKind kind = MetricKind::wall) {
  PairsFile file = made::pairs({.pairs = 1, .stages = 1, .kind = kind}, 1);
  file.cases[0].metrics[0].stages = {{old_values, new_values}};
  return file;
}

TEST(Evidence, OfSidesThatDriftTogetherASlowdownBelowTheFloorIsNone) {
  cites(55);
  LogPairs pairs;
  for (int i = 0; i < 20; ++i) {
    pairs.old_logs.push_back(0.01 * i);
    pairs.new_logs.push_back(0.01 * i + std::log(1.02) + (i % 2 == 0 ? 0.006 : -0.006));
  }
  const Evidence below = weigh(pairs, 0.03, made::quick_rules());
  ASSERT_TRUE(below.paired);
  EXPECT_DOUBLE_EQ(below.p_worse, 1);
  EXPECT_LT(weigh(pairs, 0.01, made::quick_rules()).p_worse, 1e-5);
}

TEST(Detector, IsSilentOnEqualSidesAndFindsWhatItClaims) {
  cites(55);
  for (const auto shape : {made::calm, made::skewed, made::tailed, made::bimodal}) {
    EXPECT_EQ(made::count_of(regression, {.shape = shape}, 300), 0);
  }
  EXPECT_EQ(made::count_of(regression, {.slowdown = 0.03}, 100), 0) << "the floor is no change";
  EXPECT_GE(made::count_of(regression, {.slowdown = 0.05}, 100), 95);
  // With such a tail, pairs disagree in sign about as often as clause (c) allows in 20.
  const Plan tailed{.shape = made::tailed, .slowdown = 0.15, .pairs = 40};
  EXPECT_GE(made::count_of(regression, tailed, 100), 90);
}

TEST(Detector, IsSilentOnEqualSidesThatDriftTogetherAndFindsAShiftThatTheDriftWouldHide) {
  cites(55);
  EXPECT_EQ(made::count_of(regression, {.drift = 0.5}, 200), 0);
  EXPECT_GE(made::count_of(regression, {.slowdown = 0.08, .drift = 0.5}, 100), 95);
}

TEST(Detector, FindsImprovementsAsOftenAsRegressions) {
  cites(55);
  EXPECT_EQ(made::count_of(improvement, {.shape = made::tailed}, 200), 0);
  EXPECT_GE(made::count_of(improvement, {.slowdown = -0.05}, 100), 95);
}

TEST(Verdict, DoesNotDependOnTheOrderOfThePairs) {
  cites(55);
  for (const double slowdown : {0.0, 0.04, 0.06, 0.3}) {
    PairsFile file = made::pairs({.shape = made::tailed, .slowdown = slowdown}, 5);
    Rules rules;
    rules.resamples = 50;  // what can be seen is looked for in the same order, or it is not
    const Verdict before = only(file, rules);
    std::mt19937_64 random{9};
    for (auto& stage : file.cases[0].metrics[0].stages) {
      for (std::size_t i = stage.old_values.size() - 1; i > 0; --i) {
        const std::size_t j = random() % (i + 1);
        std::swap(stage.old_values[i], stage.old_values[j]);
        std::swap(stage.new_values[i], stage.new_values[j]);
      }
    }
    const Verdict after = only(file, rules);
    EXPECT_EQ(before.kind, after.kind);
    EXPECT_DOUBLE_EQ(before.p, after.p);
    EXPECT_DOUBLE_EQ(before.ratio.low, after.ratio.low);
    EXPECT_EQ(before.detectable, after.detectable);
  }
}

TEST(Verdict, ValuesThatWereSortedAreNoPairs) {
  cites(55);
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    PairsFile file = made::pairs({.shape = made::skewed, .stages = 1}, seed);
    auto& stage = file.cases[0].metrics[0].stages[0];
    std::sort(stage.old_values.begin(), stage.old_values.end());
    std::sort(stage.new_values.begin(), stage.new_values.end());
    EXPECT_NE(only(file).kind, regression) << seed;
    EXPECT_FALSE(only(file).paired);
  }
}

TEST(Verdict, SwappingTheSidesMirrorsIt) {
  cites(55);
  for (const double slowdown : {0.0, 0.02, 0.05, 0.2}) {
    PairsFile file = made::pairs({.shape = made::tailed, .slowdown = slowdown}, 5);
    const Verdict plain = only(file);
    for (auto& stage : file.cases[0].metrics[0].stages) {
      std::swap(stage.old_values, stage.new_values);
    }
    const Verdict mirror = only(file);
    EXPECT_NEAR(plain.ratio.middle * mirror.ratio.middle, 1, 1e-12);
    const VerdictKind wanted = plain.kind == regression ? improvement : plain.kind;
    EXPECT_TRUE(mirror.kind == wanted || plain.kind == suspect) << slowdown;
  }
}

TEST(Verdict, WhereHigherIsBetterTheInverseIsJudged) {
  cites(55);
  PairsFile file = made::pairs({.slowdown = 0.2}, 5);
  auto& metric = file.cases[0].metrics[0];
  metric.metric.better = Better::higher;
  EXPECT_EQ(only(file).kind, improvement);
  EXPECT_NEAR(only(file).ratio.middle, 1.2, 0.02) << "the ratio stays that of the values";
  for (auto& stage : metric.stages) std::swap(stage.old_values, stage.new_values);
  EXPECT_EQ(only(file).kind, regression);
  EXPECT_NEAR(only(file).ratio.middle, 1 / 1.2, 0.02);
}

// (a): the rank test. Twelve ratios are above the floor, but no more than chance allows.
TEST(Clause, WithoutTheRankTestsCertaintyThereIsNoRegression) {
  cites(55);
  const Verdict verdict = only(made::pairs({.slowdown = 0.5, .pairs = 3}, 1));
  EXPECT_EQ(verdict.kind, inconclusive);
  EXPECT_THAT(verdict.why, HasSubstr("3 pairs cannot reach the level 0.01"));
}

TEST(Clause, AChangeUpToTheFloorIsNoneHoweverCertain) {
  cites(55);
  EXPECT_EQ(made::count_of(regression, {.slowdown = 0.025, .pairs = 40}, 50), 0);
  PairsFile file = made::pairs({.slowdown = 0.025, .pairs = 40}, 1);
  file.cases[0].metrics[0].floor = 0.01;
  EXPECT_EQ(only(file).kind, regression) << "unless the metric's own floor is lower";
}

Evidence convincing() {
  return {.pairs = 20, .p_worse = 1e-6, .log_ratio = {0.1, 0.15, 0.2}, .agree_worse = 0.75};
}

TEST(Clause, EachOfTheFirstThreeIsNeeded) {
  cites(55);
  const Rules rules;
  EXPECT_TRUE(stage_says_worse(convincing(), true, 0.03, rules));
  EXPECT_FALSE(stage_says_worse(convincing(), false, 0.03, rules)) << "(a)";
  Evidence small = convincing();
  small.log_ratio.middle = 0.029;
  EXPECT_FALSE(stage_says_worse(small, true, 0.03, rules)) << "(b)";
  Evidence torn = convincing();
  torn.agree_worse = 0.7;
  EXPECT_FALSE(stage_says_worse(torn, true, 0.03, rules)) << "(c)";
}

// Two in three are 30 % slower, the others much faster: ranks rise, but pairs disagree.
TEST(Clause, PairsThatDisagreeAreSuspectOnly) {
  cites(55);
  std::vector<double> old_values;
  std::vector<double> new_values;
  for (int i = 0; i < 60; ++i) {
    old_values.push_back(100 + 0.01 * ((i * 7) % 60));
    new_values.push_back(i % 10 < 7 ? 130 + 0.01 * i : 60 + 0.01 * i);
  }
  const Verdict verdict = only(of(old_values, new_values));
  EXPECT_EQ(verdict.kind, suspect);
  EXPECT_THAT(verdict.why, HasSubstr("only 70 % of the pairs agree"));
}

TEST(Clause, ASecondStageThatDoesNotConfirmLeavesASuspect) {
  cites(55);
  PairsFile file = made::pairs({.slowdown = 0.2}, 1);
  const PairsFile equal = made::pairs({}, 2);
  file.cases[0].metrics[0].stages[1] = equal.cases[0].metrics[0].stages[1];
  const Verdict verdict = only(file);
  EXPECT_EQ(verdict.kind, suspect);
  EXPECT_THAT(verdict.why, HasSubstr("second stage does not confirm"));
}

TEST(Clause, AFirstStageThatSawNothingIsNotMadeUpForByTheSecond) {
  cites(55);
  PairsFile file = made::pairs({}, 1);
  const PairsFile slow = made::pairs({.slowdown = 0.2}, 2);
  file.cases[0].metrics[0].stages[1] = slow.cases[0].metrics[0].stages[1];
  EXPECT_NE(only(file).kind, regression);
  EXPECT_NE(only(file).kind, equivalent);
}

TEST(Clause, OneStageAloneMustBeTenTimesAsCertain) {
  cites(55);
  // Five against five, apart: p = 1/252 = 0.004.
  const auto five = of({1, 2, 3, 4, 5}, {11, 12, 13, 14, 15});
  EXPECT_EQ(only(five).kind, suspect);
  EXPECT_THAT(only(five).why, HasSubstr("measure a second"));
  const auto seven = of({1, 2, 3, 4, 5, 6, 7}, {11, 12, 13, 14, 15, 16, 17});
  EXPECT_EQ(only(seven).kind, regression);
}

TEST(Verdict, EquivalentOnlyIfTheIntervalLiesWithinTheFloor) {
  cites(55);
  EXPECT_EQ(only(made::pairs({}, 1)).kind, equivalent);
  EXPECT_EQ(only(made::pairs({.shape = made::skewed, .pairs = 10}, 1)).kind, inconclusive);
  EXPECT_EQ(only(of({5, 5, 5, 5, 5, 5}, {5, 5, 5, 5, 5, 5})).kind, equivalent) << "constant";
  EXPECT_EQ(only(of({5, 5, 5}, {5, 5, 5})).kind, inconclusive) << "three say nothing";
  EXPECT_EQ(only(of(std::vector<double>(8, 5.0), std::vector<double>(8, 6.0))).kind, regression);
}

TEST(Verdict, ASlowModeThatBecameMoreFrequentIsNotEquivalent) {
  cites(55);
  std::vector<double> old_values;
  std::vector<double> new_values;
  for (int i = 0; i < 40; ++i) {
    const double noise = 1 + 0.0001 * ((i * 7) % 40);
    old_values.push_back((i % 10 < 1 ? 140 : 100) * noise);
    new_values.push_back((i % 10 < 4 ? 140 : 100) * noise);
  }
  EXPECT_EQ(only(of(old_values, new_values)).kind, inconclusive);
}

TEST(Verdict, AShiftOfExactlyTheFloorIsNotMadeARegressionByRounding) {
  cites(55);
  EXPECT_NE(only(of(std::vector<double>(20, 100.0), std::vector<double>(20, 103.0))).kind,
            regression);
}

TEST(Counter, ThatIsTheSameInEveryRunIsComparedAsItIs) {
  cites(55);
  const auto counted = [](double old_value, double new_value) {
    return only(of({old_value, old_value}, {new_value, new_value}, MetricKind::counter)).kind;
  };
  EXPECT_EQ(counted(1000, 1004), equivalent);
  EXPECT_EQ(counted(1000, 1006), regression);
  EXPECT_EQ(counted(1006, 1000), improvement);
  EXPECT_EQ(counted(3, 4), regression);
  EXPECT_EQ(counted(0, 0), equivalent);
  EXPECT_EQ(counted(0, 1), regression);
  EXPECT_EQ(counted(1, 0), improvement);
  EXPECT_EQ(only(of({3}, {4}, MetricKind::counter)).kind, inconclusive) << "one run: who knows";
}

TEST(Counter, ThatTremblesIsTestedWithItsTightFloor) {
  cites(55);
  EXPECT_GE(made::count_of(regression, {.slowdown = 0.03, .kind = MetricKind::counter}, 50), 45);
  EXPECT_EQ(made::count_of(regression, {.kind = MetricKind::counter}, 200), 0);
  EXPECT_EQ(only(of({0, 0, 1, 0, 2, 0, 0, 1}, {1, 0, 0, 0, 0, 2, 1, 0}, MetricKind::counter)).kind,
            inconclusive);
}

PairsFile with_control(PairsFile file, std::size_t disturbed) {
  auto& one = file.cases[0];
  for (const auto& stage : one.metrics[0].stages) {
    StageConditions conditions;
    for (std::size_t i = 0; i < stage.old_values.size(); ++i) {
      const RunConditions calm{.control = {{"spin", 1.0}}, .duration_s = 0.3};
      conditions.old_runs.push_back(calm);
      conditions.new_runs.push_back(calm);
      if (i < disturbed) conditions.new_runs.back().control[0].value = 1.2;
    }
    one.conditions.push_back(std::move(conditions));
  }
  return file;
}

TEST(Control, PairsOfADisturbedMachineAreLeftOutAndTooManyMeanNoVerdict) {
  cites(55);
  const PairsFile slow = made::pairs({.slowdown = 0.2}, 1);
  const Verdict some = only(with_control(slow, 6));
  EXPECT_EQ(some.kind, regression);
  EXPECT_EQ(some.invalid, 12U);
  EXPECT_EQ(some.pairs, 28U);
  const Verdict many = only(with_control(slow, 7));
  EXPECT_EQ(many.kind, unstable);
  EXPECT_THAT(many.why, HasSubstr("14 pairs ran while the machine was not fit"));
}

TEST(Control, ADisturbedPairCannotRaiseAnAlarm) {
  cites(55);
  PairsFile file = made::pairs({.stages = 1}, 1);
  auto& stage = file.cases[0].metrics[0].stages[0];
  for (std::size_t i = 0; i < 6; ++i) stage.new_values[i] *= 3;
  EXPECT_EQ(only(with_control(file, 6)).kind, equivalent);
}

TEST(Control, SwitchesAndStolenTimeThatJumpMakeAPairInvalid) {
  cites(55);
  for (const bool steal : {false, true}) {
    PairsFile file = with_control(made::pairs({}, 1), 0);
    for (auto& stage : file.cases[0].conditions) {
      for (std::size_t i = 0; i < 8; ++i) {
        (steal ? stage.old_runs[i].steal_s : stage.old_runs[i].nivcsw) = steal ? 0.1 : 500;
      }
    }
    EXPECT_EQ(only(file).kind, unstable);
  }
}

TEST(Control, ABlockThatTremblesOnThisMachineIsNoneUnlessAllDo) {
  cites(55);
  StageConditions stage;
  for (int i = 0; i < 20; ++i) {
    const double wild = i % 2 == 0 ? 1.0 : 1.6;
    stage.old_runs.push_back({.control = {{"memcpy", wild}, {"spin", i < 4 ? 1.3 : 1.0}}});
  }
  EXPECT_EQ(steady_controls({stage}, {}), std::vector<std::string>{"spin"});
  for (auto& run : stage.old_runs) run.control.pop_back();
  EXPECT_EQ(steady_controls({stage}, {}), std::vector<std::string>{"memcpy"});
}

TEST(Control, ACounterThatIsTheSameInEveryRunIsJudgedOnAnUnfitMachine) {
  cites(55);
  PairsFile file = made::pairs({.kind = MetricKind::counter}, 1);
  for (auto& stage : file.cases[0].metrics[0].stages) {
    stage.old_values.assign(20, 3);
    stage.new_values.assign(20, 4);
  }
  EXPECT_EQ(only(with_control(file, 20)).kind, regression);
}

// How many instructions a call takes varies a little from run to run, but not with the clock rate.
TEST(Control, ACounterThatVariesIsJudgedOnAnUnfitMachineToo) {
  cites(55);
  const auto of = [](double slowdown) {
    return with_control(made::pairs({.slowdown = slowdown, .kind = MetricKind::counter}, 1), 20);
  };
  EXPECT_EQ(only(of(0.2)).kind, regression);
  EXPECT_EQ(only(of(0.2)).invalid, 0U);
  const VerdictKind same = only(of(0)).kind;
  EXPECT_TRUE(same == equivalent || same == inconclusive) << to_string(same);
}

TEST(Family, ManyMetricsNeedMoreCertaintyEach) {
  cites(55);
  const Rules rules;
  EXPECT_EQ(significant({0.006}, rules), std::vector<bool>{true});
  EXPECT_EQ(significant({0.006, 0.5}, rules), (std::vector<bool>{false, false}));
  EXPECT_EQ(significant({0.006, 0.004}, rules), (std::vector<bool>{true, true}))
      << "step-down: the second has one rival less";
  std::vector<double> many(31, 0.5);
  many[7] = 0.0005;
  many[8] = 0.002;
  const auto found = significant(many, rules);
  EXPECT_TRUE(found[7]) << "0.001 each, beyond 30";
  EXPECT_FALSE(found[8]);
}

TEST(Family, MetricsThatAreNotGatedDoNotCount) {
  cites(55);
  PairsFile file = made::pairs({.slowdown = 0.5, .pairs = 5}, 1);  // p = 0.004
  const auto metric = file.cases[0].metrics[0];
  for (int i = 0; i < 4; ++i) {
    file.cases[0].metrics.push_back(made::pairs({.pairs = 5}, 7 + i).cases[0].metrics[0]);
    file.cases[0].metrics.back().metric.name = "other" + std::to_string(i);
  }
  EXPECT_EQ(only(file).kind, inconclusive) << "five rivals: 0.004 > 0.01 / 5";
  for (std::size_t i = 1; i < 5; ++i) file.cases[0].metrics[i].metric.gated = false;
  EXPECT_EQ(only(file).kind, regression);
}

TEST(Power, TheSmallestDetectableChangeIsWhatTheRuleFindsFourTimesInFive) {
  cites(55);
  const Verdict calm = only(made::pairs({.slowdown = 0.2}, 3), {});
  ASSERT_TRUE(calm.detectable);
  EXPECT_GT(*calm.detectable, 0.03);
  EXPECT_LT(*calm.detectable, 0.05) << "the change itself is taken out";
  const int found = made::count_of(regression, {.slowdown = *calm.detectable + 0.005}, 50);
  EXPECT_GE(found, 35);
  const Verdict noisy = only(made::pairs({.shape = made::skewed}, 3), {});
  EXPECT_TRUE(noisy.informational) << "blind to 25 %";
  const Verdict tiny = only(made::pairs({.pairs = 3}, 3), {});
  EXPECT_FALSE(tiny.detectable) << "three pairs see nothing";
}

TEST(Power, WhatTheMachinesCalibrationCallsBlindIsNotGated) {
  cites(55);
  PairsFile file = made::pairs({.slowdown = 0.5}, 3);
  file.cases[0].metrics[0].informational = true;
  const Verdict verdict = only(file);
  EXPECT_EQ(verdict.kind, regression) << "told all the same";
  EXPECT_FALSE(verdict.gated);
}

}  // namespace
}  // namespace ordeal::perf
