// The contract as a GoogleTest suite: one test for each scenario. A layer's program defines where
// it runs (make_world) and instantiates it by including this file.
#pragma once

#include <gtest/gtest.h>

#include "testing/cites/cites.hpp"
#include "testing/contract/trial.hpp"

namespace ordeal::trial {

World make_world();
TrialOptions trial_options();
// Whether this layer has a test of the scenario at all.
bool is_run_here(const Scenario& scenario);
// Why this machine cannot run the layer; empty: it can.
std::string reason_to_skip();

namespace {

// Runs all scenarios that the filter lets through, several at once; each test then tells of one.
class Contract : public ::testing::TestWithParam<std::size_t> {
 protected:
  static void SetUpTestSuite() {
    if (!reason_to_skip().empty()) return;
    std::vector<const Scenario*> wanted;
    const ::testing::TestSuite& suite = *::testing::UnitTest::GetInstance()->current_test_suite();
    for (int i = 0; i < suite.total_test_count(); ++i) {
      if (!suite.GetTestInfo(i)->should_run()) continue;
      for (const Scenario& scenario : contract()) {
        const std::string ending = "/" + scenario.family + "_" + scenario.name;
        const bool is_it = std::string_view{suite.GetTestInfo(i)->name()}.ends_with(ending);
        if (is_it) wanted.push_back(&scenario);
      }
    }
    for (Report& report : run_scenarios(wanted, make_world, trial_options())) {
      reports_[report.scenario] = std::move(report);
    }
  }
  static void TearDownTestSuite() { reports_.clear(); }

  static inline std::map<std::string, Report> reports_;
};

// What a family of scenarios proves (behaviour spec, part B; bug classes; properties).
void cite_family(const std::string& family) {
  cites(11, 53, 57);
  if (family == "calls") cites(13, 15, 16, 17);
  if (family == "queue") cites(5, 9);
  if (family == "overflow") cites(7);
  if (family == "timeout" || family == "cancel") cites(9, 12);
  if (family == "death") cites(4, 6);
  if (family == "stream") cites(14);
  if (family == "retry") cites(38);
  if (family == "breaker") cites(31, 32, 33, 34, 36);
  if (family == "session") cites(24, 25, 26);
  if (family == "start") cites(8);
  if (family == "stop") cites(2, 10);
}

TEST_P(Contract, Holds) {
  const Scenario& scenario = contract()[GetParam()];
  if (const std::string reason = reason_to_skip(); !reason.empty()) GTEST_SKIP() << reason;
  cite_family(scenario.family);
  const Report& report = reports_[scenario.family + "." + scenario.name];
  if (report.verdict == TrialVerdict::skipped) GTEST_SKIP() << to_text(report);
  EXPECT_EQ(report.verdict, TrialVerdict::passed) << to_text(report);
}

std::vector<std::size_t> run_here() {
  std::vector<std::size_t> indexes;
  for (std::size_t i = 0; i < contract().size(); ++i) {
    if (is_run_here(contract()[i])) indexes.push_back(i);
  }
  return indexes;
}

INSTANTIATE_TEST_SUITE_P(, Contract, ::testing::ValuesIn(run_here()), [](const auto& which) {
  const Scenario& scenario = contract()[which.param];
  return scenario.family + "_" + scenario.name;
});

}  // namespace
}  // namespace ordeal::trial
