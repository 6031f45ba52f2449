// What a verdict means for the exit code, and what of it is printed.
#include "perf/tools/rules_options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "perf/tools/commands.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::perf {
namespace {

using testing::HasSubstr;
using enum VerdictKind;

Verdict verdict(VerdictKind kind, bool gated = true) {
  Verdict made;
  made.suite = "s";
  made.case_name = "c";
  made.metric.name = "m";
  made.kind = kind;
  made.gated = gated;
  made.ratio = {0.99, 1.0, 1.01};
  return made;
}

TEST(ExitCode, IsTheWorstOfTheGatedVerdicts) {
  cites(55);
  EXPECT_EQ(exit_code_of({verdict(equivalent), verdict(improvement)}, true), exit_ok);
  EXPECT_EQ(exit_code_of({verdict(unstable), verdict(regression)}, false), exit_regression);
  EXPECT_EQ(exit_code_of({verdict(equivalent), verdict(unstable)}, false), exit_unstable);
  EXPECT_EQ(exit_code_of({verdict(regression, false), verdict(unstable, false)}, true), exit_ok);
}

TEST(ExitCode, WhatIsNotShownIsNoPassInStrictMode) {
  cites(55);
  for (const VerdictKind kind : {inconclusive, suspect}) {
    EXPECT_EQ(exit_code_of({verdict(kind)}, false), exit_ok);
    EXPECT_EQ(exit_code_of({verdict(kind)}, true), exit_inconclusive);
  }
}

TEST(Table, TellsTheWorstFirstAndWhatEachCouldHaveSeen) {
  Verdict slow = verdict(regression);
  slow.metric.name = "slow";
  slow.detectable = 0.041;
  const std::string text = verdict_table({verdict(inconclusive), slow, verdict(equivalent)}, false);
  EXPECT_LT(text.find("regression"), text.find("inconclusive"));
  EXPECT_THAT(text, HasSubstr("sees 4.1 %"));
  EXPECT_THAT(text, HasSubstr("3 verdicts: 1 regression 1 equivalent 1 inconclusive"));
  EXPECT_THAT(text, HasSubstr("geometric mean of costs 1.000 (not gated)"));
}

TEST(Json, HasEveryVerdictWithItsNumbers) {
  const auto value = verdicts_to_json({verdict(suspect)});
  const auto& one = value.at("verdicts").at(0);
  EXPECT_EQ(one.at("verdict"), "suspect");
  EXPECT_EQ(one.at("ratio"), 1.0);
  EXPECT_TRUE(one.at("detectable").is_null());
}

}  // namespace
}  // namespace ordeal::perf
