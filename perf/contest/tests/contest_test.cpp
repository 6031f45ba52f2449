// Contests with real processes, and bars judged by what was measured; nothing here judges a time.
#include "perf/contest/contest.hpp"

#include <gtest/gtest.h>

#include "perf/contest/run_document.hpp"

namespace ordeal::perf {
namespace {

CaseSpec spec_of(const std::string& toml) {
  const auto suite =
      suite_from_toml("about = \"test\"\n[[case]]\nname = \"c\"\n" + toml, "test", "test");
  EXPECT_TRUE(suite) << suite.error().text();
  return suite->cases.front();
}

TEST(Contest, everyone_does_the_same_work_in_every_round) {
  const auto result = run_contest(
      spec_of("scenario = \"calls\"\ncalls = 90\npool = { size = 1 }\n"
              "beside = [\"raw_pipe\", \"process_pool_executor\", \"multiprocessing_pool\"]"),
      {.rounds = 9});
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_EQ(result->ordeal.calls, 90u);
  ASSERT_EQ(result->others.size(), 3u);
  for (const Standing& other : result->others) {
    EXPECT_EQ(other.why_not, "") << other.name;
    EXPECT_EQ(other.calls, 90u) << other.name;
    EXPECT_EQ(other.failed, 0u) << other.name;
    const Interval& ratio = other.ratios.at("mean");
    EXPECT_GT(ratio.low, 0) << other.name;
    EXPECT_LE(ratio.low, ratio.median) << other.name;
    EXPECT_LE(ratio.median, ratio.high) << other.name;
  }
}

TEST(Contest, many_callers_and_as_many_pipes_as_workers) {
  const auto result = run_contest(spec_of("scenario = \"calls\"\ncalls = 80\ncallers = 4\n"
                                          "pool = { size = 2 }\nbeside = [\"raw_pipe\"]"),
                                  {.rounds = 4});
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_EQ(result->ordeal.calls, 80u);
  EXPECT_EQ(result->others.front().calls, 80u);
}

TEST(Contest, a_peer_that_breaks_at_a_kill_is_shown_so) {
  const auto result = run_contest(spec_of("scenario = \"replace\"\npool = { size = 2 }\n"
                                          "beside = [\"process_pool_executor\"]"),
                                  {.rounds = 1});
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_EQ(result->ordeal.failed, 0u);
  const Standing& peer = result->others.front();
  EXPECT_EQ(peer.why_not, "");
  EXPECT_GE(peer.failed, 1u);
  EXPECT_NE(peer.note.find("must be rebuilt"), std::string::npos);
}

TEST(Contest, who_is_not_to_be_had_is_named_with_the_reason) {
  const auto result = run_contest(spec_of("scenario = \"calls\"\ncalls = 8\npool = { size = 1 }\n"
                                          "beside = [\"nimble_pool\"]"),
                                  {.rounds = 2});
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_NE(result->others.front().why_not.find("Elixir"), std::string::npos);
  EXPECT_TRUE(result->others.front().ratios.empty());
}

Sample sample_with(const std::string& name, double value) {
  Sample sample;
  sample.metrics.push_back({.metric = {.name = name}, .value = value});
  return sample;
}

TEST(Bars, of_a_metric_are_met_up_to_the_value_itself) {
  const Bar at_most{.metric = "p95", .max = 10};
  EXPECT_TRUE(judge(at_most, sample_with("p95", 10), {}).met);
  EXPECT_FALSE(judge(at_most, sample_with("p95", 10.1), {}).met);
  const Bar at_least{.metric = "success_rate", .min = 0.95};
  EXPECT_TRUE(judge(at_least, sample_with("success_rate", 0.95), {}).met);
  EXPECT_FALSE(judge(at_least, sample_with("success_rate", 0.94), {}).met);
}

TEST(Bars, of_a_ratio_are_missed_only_if_the_whole_interval_is_beyond) {
  const Bar bar{.metric = "p50", .beside = "raw_pipe", .max = 1.12};
  ContestResult contest;
  contest.others.push_back({.name = "raw_pipe"});
  const auto judged = [&](double low, double median, double high) {
    contest.others.front().ratios["p50"] = {.low = low, .median = median, .high = high};
    return judge(bar, {}, contest);
  };
  EXPECT_TRUE(judged(1.0, 1.1, 1.2).met);
  EXPECT_TRUE(judged(1.1, 1.15, 1.2).met);
  EXPECT_FALSE(judged(1.13, 1.15, 1.2).met);
}

TEST(Bars, of_what_was_not_measured_say_nothing) {
  const Bar bar{.metric = "p50", .beside = "loky", .max = 1};
  const JudgedBar judged = judge(bar, {}, ContestResult{});
  EXPECT_FALSE(judged.value);
  EXPECT_TRUE(judged.met);
}

}  // namespace
}  // namespace ordeal::perf
