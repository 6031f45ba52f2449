// The contract of a sampler: what it prints is read strictly, and every refusal names the member.
#include "perf/measurement/measurement.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "perf/measurement/json_reader.hpp"

namespace ordeal::perf {
namespace {

using nlohmann::json;
using testing::HasSubstr;

json good_sample() {
  return json::parse(R"({"schema": "ordeal-perf-sample/1", "suite": "round_trip", "case": "echo",
    "params": {"payload_bytes": 16, "mode": "spin"},
    "metrics": [{"name": "cpu", "unit": "us", "kind": "cpu", "better": "lower", "gated": true,
                 "value": 21.5},
                {"name": "calls", "unit": "1/s", "kind": "throughput", "better": "higher",
                 "gated": false, "value": 40000}],
    "control": [{"name": "spin_before", "value": 1.5}],
    "nivcsw": 3, "steal_s": 0.0, "duration_s": 0.25})");
}

TEST(Sample, IsReadAndWrittenBack) {
  const auto sample = sample_from_json(good_sample(), "a.json");
  ASSERT_TRUE(sample) << sample.error().text();
  EXPECT_EQ(sample->metrics[1].metric.kind, MetricKind::throughput);
  EXPECT_EQ(sample->metrics[1].metric.better, Better::higher);
  EXPECT_EQ(to_json(*sample), good_sample());
}

struct Wrong {
  const char* patch;  // JSON merge patch
  ErrorKind kind;
  const char* says;
};

TEST(Sample, WhatIsWrongIsNamed) {
  const Wrong cases[] = {
      {R"({"schema": "ordeal-perf-sample/2"})", ErrorKind::value, "schema: is"},
      {R"({"suite": null})", ErrorKind::schema, "suite: is missing"},
      {R"({"suite": 3})", ErrorKind::schema, "suite: must be a text, is number 3"},
      {R"({"colour": "red"})", ErrorKind::schema, "colour: is unknown"},
      {R"({"metrics": []})", ErrorKind::value, "metrics: is empty"},
      {R"({"metrics": [{"name": "a"}]})", ErrorKind::schema, "metrics[0].unit: is missing"},
      {R"({"control": [{"name": "spin", "value": 0}]})", ErrorKind::value, "control[0].value"},
      {R"({"control": [{"name": "s", "value": 1}, {"name": "s", "value": 1}]})", ErrorKind::value,
       "\"s\" is there twice"},
      {R"({"nivcsw": 0.5})", ErrorKind::schema, "nivcsw: must be an integer"},
      {R"({"duration_s": 0})", ErrorKind::value, "duration_s: must be > 0"},
      {R"({"params": {"deep": {"er": 1}}})", ErrorKind::value, "params.deep"},
  };
  for (const Wrong& wrong : cases) {
    json value = good_sample();
    value.merge_patch(json::parse(wrong.patch));
    const auto sample = sample_from_json(value, "a.json");
    ASSERT_FALSE(sample) << wrong.patch;
    EXPECT_EQ(sample.error().kind, wrong.kind) << sample.error().text();
    EXPECT_THAT(sample.error().text(), HasSubstr("a.json: ")) << wrong.patch;
    EXPECT_THAT(sample.error().text(), HasSubstr(wrong.says)) << wrong.patch;
  }
}

TEST(Sample, AKindThatIsNoneIsRefusedWithThoseThatAre) {
  json value = good_sample();
  value["metrics"][0]["kind"] = "speed";
  const auto sample = sample_from_json(value, "a.json");
  ASSERT_FALSE(sample);
  EXPECT_THAT(sample.error().text(),
              HasSubstr("metrics[0].kind: is \"speed\"; allowed: counter, "));
}

TEST(Sample, NanIsNoJsonAndTheErrorSaysSo) {
  const auto parsed = parse_json(R"({"value": NaN})", "a.json");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().kind, ErrorKind::json);
  EXPECT_THAT(parsed.error().text(), HasSubstr("NaN and Infinity are no JSON"));
}

TEST(Cases, AreReadAndWrittenBack) {
  const json value = json::parse(R"({"schema": "ordeal-perf-cases/1", "cases": [
    {"suite": "round_trip", "case": "echo", "params": {"payload_bytes": 16},
     "metrics": [{"name": "cpu", "unit": "us", "kind": "cpu", "better": "lower",
                  "gated": true}]}]})");
  const auto cases = cases_from_json(value, "a.json");
  ASSERT_TRUE(cases) << cases.error().text();
  EXPECT_EQ(to_json(*cases), value);
}

}  // namespace
}  // namespace ordeal::perf
