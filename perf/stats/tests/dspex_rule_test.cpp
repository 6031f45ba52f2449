// DSPex's rule: fixed limits on means.
#include "perf/stats/dspex_rule.hpp"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "testing/cites/cites.hpp"

namespace ordeal::perf {
namespace {

TEST(Dspex, OwnRuleHasItsLimitsStrictly) {
  cites(55);
  const Metric p95{.name = "p95", .kind = MetricKind::percentile};
  const Metric throughput{.name = "throughput", .kind = MetricKind::throughput};
  const Metric success{.name = "success_rate", .kind = MetricKind::ratio};
  const std::vector<double> history{90, 110};
  EXPECT_FALSE(dspex_regressed(p95, history, 120));
  EXPECT_TRUE(dspex_regressed(p95, history, 120.1));
  EXPECT_FALSE(dspex_regressed(throughput, history, 80));
  EXPECT_TRUE(dspex_regressed(throughput, history, 79.9));
  EXPECT_TRUE(dspex_regressed(success, {1, 1}, 0.89));
  EXPECT_FALSE(dspex_regressed(success, {1, 1}, 0.9));
  EXPECT_FALSE(dspex_regressed(p95, {}, 1e9)) << "without a history there is no regression";
}

CasePairs one_case(std::vector<MetricPairs> metrics) {
  CasePairs one;
  one.suite = "round_trip";
  one.case_name = "echo";
  one.metrics = std::move(metrics);
  return one;
}

MetricPairs pairs_of(Metric metric, std::vector<double> before, std::vector<double> now) {
  MetricPairs pairs;
  pairs.metric = std::move(metric);
  pairs.stages.push_back({std::move(before), std::move(now)});
  return pairs;
}

TEST(DspexRule, judges_means_of_pairs_and_gates_only_what_it_has_a_rule_for) {
  const Metric p95{.name = "p95", .kind = MetricKind::percentile, .gated = false};
  const Metric calls{.name = "system_calls", .kind = MetricKind::counter};
  PairsFile file;
  file.cases.push_back(one_case({pairs_of(p95, {90, 110}, {100, 139}),  // mean 119.5
                                 pairs_of(p95, {90, 110}, {100, 142}),  // mean 121
                                 pairs_of(calls, {3, 3}, {9, 9}), pairs_of(calls, {0}, {0})}));
  const auto verdicts = judge_by_dspex(file);
  ASSERT_EQ(verdicts.size(), 4u);
  EXPECT_EQ(verdicts[0].kind, VerdictKind::equivalent);
  EXPECT_EQ(verdicts[1].kind, VerdictKind::regression);
  EXPECT_TRUE(verdicts[1].gated) << "DSPex knows no metric that is only told";
  EXPECT_DOUBLE_EQ(verdicts[1].ratio.middle, 1.21);
  EXPECT_EQ(verdicts[2].kind, VerdictKind::inconclusive);
  EXPECT_FALSE(verdicts[2].gated);
  EXPECT_EQ(verdicts[2].why, "DSPex has no rule for it");
  EXPECT_DOUBLE_EQ(verdicts[3].ratio.middle, 1) << "0 / 0";
}

}  // namespace
}  // namespace ordeal::perf
