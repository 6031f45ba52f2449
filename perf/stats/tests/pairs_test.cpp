// Data sets of others: the short form and the long one, and what is refused.
#include "perf/stats/pairs.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "perf/stats/tests/made_samples.hpp"

namespace ordeal::perf {
namespace {

using nlohmann::json;
using testing::HasSubstr;

std::string refusal(const json& value) {
  const auto file = pairs_from_json(value, "data.json");
  return file ? "accepted" : file.error().text();
}

json short_form(json old_values, json new_values) {
  return {{"schema", pairs_schema}, {"old", std::move(old_values)}, {"new", std::move(new_values)}};
}

TEST(Pairs, TheShortFormNeedsOnlyTwoSides) {
  const auto file = pairs_from_json(short_form({1, 2}, {3, 4}), "some/latency.json");
  ASSERT_TRUE(file) << file.error().text();
  const auto& one = file->cases.at(0);
  EXPECT_EQ(one.metrics.at(0).metric.name, "latency");
  EXPECT_EQ(one.metrics.at(0).metric.kind, MetricKind::wall);
  EXPECT_EQ(one.metrics.at(0).stages.at(0).new_values, (std::vector<double>{3, 4}));
}

TEST(Pairs, TheShortFormCanSayMore) {
  json value = short_form({1, 2}, {3, 4});
  value["kind"] = "throughput";
  value["better"] = "higher";
  value["floor"] = 0.1;
  value["control"] = {{"old", {1, 1}}, {"new", {1, 2}}};
  const auto file = pairs_from_json(value, "x.json");
  ASSERT_TRUE(file) << file.error().text();
  const auto& one = file->cases.at(0);
  EXPECT_EQ(one.metrics.at(0).metric.better, Better::higher);
  EXPECT_EQ(one.metrics.at(0).floor, 0.1);
  EXPECT_EQ(one.conditions.at(0).new_runs.at(1).control.at(0).value, 2);
  value.erase("control");
  value["second"] = {{"old", {5}}, {"new", {6}}};
  EXPECT_EQ(pairs_from_json(value, "x.json")->cases[0].metrics[0].stages.at(1).old_values[0], 5);
}

TEST(Pairs, TheLongFormIsReadAndWrittenBack) {
  PairsFile file = made::pairs({.pairs = 4}, 1);
  for (const auto& stage : file.cases[0].metrics[0].stages) {
    StageConditions conditions{.order = "ABBA"};
    for (std::size_t i = 0; i < stage.old_values.size(); ++i) {
      conditions.old_runs.push_back({{{"spin", 1.5}}, 2, 0.01, 0.3});
      conditions.new_runs.push_back({{{"spin", 1.25}}, 3, 0.02, 0.5});
    }
    file.cases[0].conditions.push_back(conditions);
  }
  const json value = to_json(file);
  const auto again = pairs_from_json(value, "x.json");
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(to_json(*again), value);
}

TEST(Pairs, WhatCannotBeJudgedIsNamed) {
  EXPECT_THAT(refusal(short_form({1, 2}, {3})), HasSubstr("new: has 1 values, \"old\" has 2"));
  EXPECT_THAT(refusal(short_form(json::array(), json::array())), HasSubstr("old: is empty"));
  EXPECT_THAT(refusal(short_form({1, 0}, {3, 4})), HasSubstr("old[1]: is 0; a wall must be > 0"));
  EXPECT_THAT(refusal(short_form({1, 2}, {3, -4})), HasSubstr("new[1]: is -4"));
  EXPECT_THAT(refusal(short_form({1, nullptr}, {3, 4})),
              HasSubstr("old[1]: must be a finite number, is null"));
  EXPECT_THAT(refusal(short_form({1, "2"}, {3, 4})), HasSubstr("old[1]: must be a finite number"));
  EXPECT_THAT(refusal({{"schema", pairs_schema}, {"old", {1}}}), HasSubstr("new: is missing"));
  EXPECT_THAT(refusal({{"schema", "other"}, {"old", {1}}, {"new", {1}}}), HasSubstr("schema: is"));
  EXPECT_THAT(refusal(json::array()), HasSubstr("must be an object"));
  json extra = short_form({1}, {1});
  extra["colour"] = 1;
  EXPECT_THAT(refusal(extra), HasSubstr("colour: is unknown"));
  json counter = short_form({0, 0}, {0, 1});
  counter["kind"] = "counter";
  EXPECT_EQ(refusal(counter), "accepted");
  json floor = short_form({1}, {1});
  floor["floor"] = 1.5;
  EXPECT_THAT(refusal(floor), HasSubstr("floor: is 1.5"));
}

TEST(Pairs, StagesAndConditionsMustFitEachOther) {
  const json good = to_json(made::pairs({.pairs = 2}, 1));
  json value = good;
  value["cases"][0]["metrics"].push_back(value["cases"][0]["metrics"][0]);
  EXPECT_THAT(refusal(value), HasSubstr("\"m\" is there twice"));
  value["cases"][0]["metrics"][1]["name"] = "n";
  value["cases"][0]["metrics"][1]["stages"].erase(1);
  EXPECT_THAT(refusal(value), HasSubstr("\"n\" has other stages or pairs than \"m\""));
  value = good;
  value["cases"][0]["conditions"] = json::array();
  EXPECT_THAT(refusal(value), HasSubstr("conditions: has 0, the metrics have 2 stages"));
}

}  // namespace
}  // namespace ordeal::perf
