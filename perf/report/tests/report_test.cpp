// The report says what the run says: bars, contests, those who did not take part.
#include "perf/report/report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "perf/contest/run_document.hpp"

namespace ordeal::perf {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

nlohmann::json run_with(double value) {
  const auto suite = suite_from_toml(
      "about = \"a\"\n[[case]]\nname = \"echo\"\nscenario = \"calls\"\n"
      "beside = [\"raw_pipe\", \"loky\"]\nbars = [{ metric = \"p95\", max = 10 }]",
      "peers", "test.toml");
  EXPECT_TRUE(suite);
  const CaseSpec& spec = suite->cases.front();
  CaseRun run{.sample = {.suite = "peers", .case_name = "echo", .params = spec.params}};
  for (const Metric& metric : metrics_of(spec)) {
    run.sample.metrics.push_back({.metric = metric, .value = value});
  }
  run.findings.latencies.add(std::chrono::microseconds{5}, 1000);
  run.findings.errors["</script>timeout"] = 2;
  ContestResult contest{.rounds = 3, .ordeal = {.name = "ordeal", .mean_us = 50}};
  contest.others.push_back({.name = "raw_pipe",
                            .mean_us = 100,
                            .note = "had to be rebuilt",
                            .ratios = {{"mean", {.low = 0.4, .median = 0.5, .high = 0.6}},
                                       {"throughput", {.low = 1, .median = 2, .high = 3}}}});
  contest.others.push_back({.name = "loky", .why_not = "is not installed"});
  return run_document(false, nlohmann::json::array({case_document(spec, run, contest)}));
}

TEST(Report, markdown_has_the_ratios_and_names_who_was_not_run) {
  const std::string text = markdown_summary(run_with(9), nullptr);
  EXPECT_THAT(text, HasSubstr("All 1 bars are met."));
  EXPECT_THAT(
      text, HasSubstr("| peers/echo | 50.0 µs | 100.0 µs (0.50 ×), had to be rebuilt | not run |"));
}

TEST(Report, a_missed_bar_is_named_with_its_value_and_limit) {
  EXPECT_THAT(markdown_summary(run_with(11), nullptr),
              HasSubstr("**missed**: peers/echo: p95 is 11, bar ≤ 10"));
}

TEST(Report, beside_a_baseline_only_what_differs_is_listed) {
  EXPECT_THAT(markdown_summary(run_with(9), run_with(9)), HasSubstr("| none |"));
  const std::string text = markdown_summary(run_with(9.9), run_with(9));
  EXPECT_THAT(text, HasSubstr("| peers/echo cpu (µs/call) | 9 | 9.9 | 1.100 |"));
  EXPECT_THAT(text, Not(HasSubstr("p95 (µs)")));  // not gated
}

TEST(Report, the_page_needs_nothing_else_and_no_text_of_the_run_ends_its_data) {
  const HistorySeries series{.suite = "s",
                             .case_name = "c",
                             .metric = "m",
                             .values = {1, 2},
                             .commits = {"a", "b"},
                             .levels = {{.first = 0, .count = 2, .median = 1}}};
  const std::string page = html_page(run_with(9), run_with(8), {series});
  EXPECT_THAT(page, HasSubstr("\\u003c/script>timeout"));
  EXPECT_THAT(page, Not(HasSubstr("@DATA@")));
  EXPECT_THAT(page, Not(HasSubstr("src=")));
  EXPECT_THAT(page, Not(HasSubstr("https://")));
  const std::size_t begin = page.find("id=\"data\">") + 10;
  const auto data =
      nlohmann::json::parse(page.substr(begin, page.find("</script>", begin) - begin));
  EXPECT_EQ(data["run"]["cases"], run_with(9)["cases"]);
  EXPECT_EQ(data["history"][0]["levels"][0]["count"], 2);
}

TEST(Report, what_is_no_run_is_refused) {
  EXPECT_EQ(read_run("/nowhere.json").error().kind, ErrorKind::file);
}

}  // namespace
}  // namespace ordeal::perf
