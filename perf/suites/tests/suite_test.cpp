// Suites are read strictly, and those built in are as the references want them.
#include "perf/suites/suite.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace ordeal::perf {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view good = R"(
about = "one"
[[case]]
name = "echo"
scenario = "calls"
callers = 3
pool = { size = 2, spin = "off", retry = { max_retries = 2 } }
beside = ["raw_pipe"]
bars = [{ metric = "p50", beside = "raw_pipe", max = 1.5 }, { metric = "p95", max = 10 }]
)";

std::string complaint(const std::string& text) {
  const auto suite = suite_from_toml(text, "test", "test.toml");
  return suite ? "" : suite.error().text();
}

std::string changed(std::string_view from, std::string_view to) {
  std::string text{good};
  text.replace(text.find(from), from.size(), to);
  return text;
}

TEST(Suites, a_case_has_what_its_file_says) {
  const auto suite = suite_from_toml(good, "test", "test.toml");
  ASSERT_TRUE(suite) << suite.error().text();
  ASSERT_EQ(suite->cases.size(), 1u);
  const CaseSpec& spec = suite->cases.front();
  EXPECT_EQ(spec.suite, "test");
  EXPECT_EQ(spec.callers, 3u);
  EXPECT_EQ(spec.pool.size, 2u);
  EXPECT_EQ(spec.pool.spin, pool::SpinMode::off);
  EXPECT_EQ(spec.pool.retry.max_retries, 2u);
  ASSERT_EQ(spec.bars.size(), 2u);
  EXPECT_EQ(spec.bars[0].beside, "raw_pipe");
  EXPECT_EQ(spec.bars[1].max, 10);
  EXPECT_EQ(spec.params.at("callers"), 3);
}

TEST(Suites, whatever_is_wrong_is_refused_with_its_line_and_what_is_allowed) {
  EXPECT_THAT(complaint(changed("callers", "calers")),
              AllOf(HasSubstr("test.toml:6"), HasSubstr("calers"), HasSubstr("callers")));
  EXPECT_THAT(complaint(changed("\"calls\"", "\"cals\"")),
              AllOf(HasSubstr("test.toml:5"), HasSubstr("'cals'"), HasSubstr("overload")));
  EXPECT_THAT(complaint(changed("size = 2", "size = 0")),
              AllOf(HasSubstr("test.toml:7"), HasSubstr("size")));
  EXPECT_THAT(complaint(changed("size = 2", "sise = 2")), HasSubstr("sise"));
  EXPECT_THAT(complaint(changed("[\"raw_pipe\"]", "[\"rawpipe\"]")),
              AllOf(HasSubstr("test.toml:8"), HasSubstr("loky")));
  EXPECT_THAT(complaint(changed("\"p95\"", "\"p96\"")),
              AllOf(HasSubstr("test.toml:9"), HasSubstr("p999")));
  EXPECT_THAT(complaint(changed("beside = \"raw_pipe\",", "beside = \"loky\",")),
              HasSubstr("test.toml:9"));
  EXPECT_THAT(complaint(changed("max = 10", "maximum = 10")), HasSubstr("maximum"));
  EXPECT_THAT(complaint(changed("\"echo\"", "\"Echo 1\"")), HasSubstr("a-z"));
  EXPECT_THAT(complaint(changed("callers = 3", "callers = 0")), HasSubstr("1 to 1024"));
  EXPECT_THAT(complaint(changed("about = \"one\"", "")), HasSubstr("about is missing"));
  EXPECT_THAT(complaint("about = \"nothing\""), HasSubstr("no [[case]]"));
  EXPECT_THAT(complaint("about = "), HasSubstr("test.toml:1"));
}

TEST(Suites, a_name_is_there_once) {
  const std::string text{good};
  EXPECT_THAT(complaint(text + text.substr(text.find("[[case]]"))),
              HasSubstr("'echo' is there twice"));
}

TEST(Suites, a_case_that_is_not_there_is_told_with_those_that_are) {
  const auto suites = built_in_suites();
  ASSERT_TRUE(suites) << suites.error().text();
  EXPECT_THAT(find_case(*suites, "dspx", "x").error().text(), HasSubstr("dspex"));
  EXPECT_THAT(find_case(*suites, "dspex", "x").error().text(), HasSubstr("sustained_load"));
  EXPECT_EQ(find_case(*suites, "core", "grant")->operation, "grant");
}

struct Floor {
  const char* name;
  std::uint32_t size, overflow;
  std::uint64_t warm_up, calls;
  std::uint32_t users;
  double success, p95_us, per_s;
};

// The behaviour spec, section 18.
TEST(Suites, dspex_has_its_four_benchmarks_with_its_own_thresholds) {
  const auto suites = built_in_suites();
  ASSERT_TRUE(suites);
  for (const Floor& floor :
       {Floor{"single_operation_latency", 4, 2, 50, 500, 1, 0.95, 1e6, 10},
        Floor{"concurrent_throughput", 8, 4, 100, 1000, 10, 0.90, 2e6, 50},
        Floor{"sustained_load", 6, 3, 200, 2000, 20, 0.85, 3e6, 30},
        Floor{"session_affinity_performance", 4, 2, 100, 1000, 8, 0.90, 1.5e6, 20}}) {
    const auto spec = find_case(*suites, "dspex", floor.name);
    ASSERT_TRUE(spec) << floor.name;
    EXPECT_EQ(spec->pool.size, floor.size) << floor.name;
    EXPECT_EQ(spec->pool.overflow, floor.overflow) << floor.name;
    EXPECT_EQ(spec->warm_up_calls, floor.warm_up) << floor.name;
    EXPECT_EQ(spec->calls, floor.calls) << floor.name;
    EXPECT_EQ(spec->callers, floor.users) << floor.name;
    const auto bar = [&](const char* metric) {
      return *std::find_if(spec->bars.begin(), spec->bars.end(),
                           [&](const Bar& each) { return each.metric == metric; });
    };
    EXPECT_EQ(bar("success_rate").min, floor.success) << floor.name;
    EXPECT_EQ(bar("p95").max, floor.p95_us) << floor.name;
    EXPECT_EQ(bar("throughput").min, floor.per_s) << floor.name;
    for (const Bar& each : spec->bars) EXPECT_FALSE(each.advice) << floor.name;
  }
}

TEST(Suites, a_case_s_metrics_have_names_of_their_own) {
  const auto suites = built_in_suites();
  ASSERT_TRUE(suites);
  for (const Suite& suite : *suites) {
    for (const CaseSpec& spec : suite.cases) {
      std::vector<std::string> names;
      for (const Metric& metric : metrics_of(spec)) names.push_back(metric.name);
      std::sort(names.begin(), names.end());
      EXPECT_FALSE(names.empty());
      EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end())
          << suite.name << "/" << spec.name;
    }
  }
}

}  // namespace
}  // namespace ordeal::perf
