// Experiments in virtual time: which faults there are, that they act, and that a seed says it all.
#include "chaos/simulated/simulated.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace ordeal::chaos {
namespace {

const Registry& registry() {
  static const Registry all = all_faults();
  return all;
}

Plan plan_of(const std::string& rest) {
  const std::string text = R"(
title = "in virtual time"
seed = 11
[pool]
command = ["{relay}", "--control", "{relay_folder}", "--", "python3", "{mock_bridge}", "--faults"]
size = 3
start_backoff_base_ms = 20
quarantine_grace_ms = 100
start_timeout_ms = 300
[load]
callers = 6
duration_ms = 2000
deadline_ms = 300
)" + rest;
  auto plan = plan_from_toml(text, "test.toml", registry(), "mock_bridge.py");
  EXPECT_TRUE(plan) << plan.error().message;
  return plan.value_or(Plan{});
}

std::string text_of(const std::string& file) {
  std::ostringstream text;
  text << std::ifstream{file}.rdbuf();
  return text.str();
}

TEST(Simulated, AWorkerThatIsMissingAfterTheCalmIsAFailure) {
  const Plan plan =
      plan_of("[[fault]]\nkind = \"kill_worker\"\ntarget = \"busiest\"\nat_ms = 200\n");
  SimulatedRun run = simulate(plan);
  EXPECT_EQ(run.report.serving_at_end, plan.pool.size);
  EXPECT_TRUE(overall(judge_simulated(plan, run)).passed());
  run.report.serving_at_end = plan.pool.size - 1;
  const auto checks = judge_simulated(plan, run);
  EXPECT_EQ(checks.back().name, "recovered");
  EXPECT_EQ(checks.back().verdict.kind(), trial::Verdict::Kind::fail);
}

TEST(Simulated, EveryFaultThatDeclaresItActsInVirtualTime) {
  std::size_t kinds = 0;
  for (const FaultKind& kind : registry().kinds()) {
    if (!kind.in_simulation) continue;
    ++kinds;
    const Plan plan =
        plan_of(fmt::format("[[fault]]\nkind = \"{}\"\ntarget = \"busiest\"\nat_ms = 200\n"
                            "duration_ms = 400\n",
                            kind.name));
    const SimulatedRun run = simulate(plan);
    EXPECT_TRUE(run.report.error.empty()) << kind.name << ": " << run.report.error;
    ASSERT_EQ(run.entry_of.size(), 1U) << kind.name << " has no row in mapping.cpp";
    EXPECT_TRUE(run.proved(plan, 0)) << kind.name;
    EXPECT_TRUE(overall(judge_simulated(plan, run)).passed()) << kind.name;
  }
  EXPECT_GE(kinds, 20U);
}

TEST(Simulated, AFaultWithoutMeaningIsNotRunAndNoPass) {
  const Plan plan = plan_of("[[fault]]\nkind = \"burn_cpu\"\n[[fault]]\nkind = \"kill_worker\"\n");
  const SimulatedRun run = simulate(plan);
  ASSERT_TRUE(run.not_run.contains("burn_cpu"));
  EXPECT_EQ(run.entry_of, std::vector<std::size_t>{1});
  EXPECT_EQ(overall(judge_simulated(plan, run)).kind(), trial::Verdict::Kind::unknown);
}

TEST(Simulated, AFaultThatMeetsNobodyIsNotProved) {
  // At the very end of the load nobody calls any more.
  Plan plan = plan_of("[[fault]]\nkind = \"garbage_reply\"\nat_ms = 100\n");
  plan.shots.front().due = milliseconds{5'000};  // when the load is over
  const SimulatedRun run = simulate(plan);
  EXPECT_FALSE(run.proved(plan, 0));
  EXPECT_EQ(overall(judge_simulated(plan, run)).kind(), trial::Verdict::Kind::unknown);
}

TEST(Simulated, ServiceBelowTheBarFails) {
  const Plan plan = plan_of(
      "[bars]\nok_percent_min = 99\n[[fault]]\nkind = \"hang_worker\"\ntarget = \"all\"\n"
      "at_ms = 100\nduration_ms = 1500\n");
  EXPECT_EQ(overall(judge_simulated(plan, simulate(plan))).kind(), trial::Verdict::Kind::fail);
}

// The journal and the trace of two runs, written to files, byte for byte.
TEST(Simulated, TheSameSeedGivesTheSameScheduleJournalAndTrace) {
  const auto record = [](const Plan& plan, const std::string& name) {
    const std::string file = testing::TempDir() + "/simulated-" + name + ".jsonl";
    const SimulatedRun run = simulate(plan, true);
    auto journal = Journal::open(file);
    EXPECT_TRUE(journal);
    note_simulated(plan, run, judge_simulated(plan, run), "repeat", *journal);
    *journal = Journal{};
    const std::string text = text_of(file) + run.report.trace;
    std::remove(file.c_str());
    return text;
  };
  const std::string drawn =
      "[random]\nkinds = [\"kill_worker\", \"flap_worker\", \"garbage_reply\", \"fail_start\"]\n"
      "budget = 8\n[simulation]\ncancel_parts = 50\n";
  Plan plan = plan_of(drawn);
  const std::string first = record(plan, "first");
  EXPECT_GT(first.size(), 10'000U);
  EXPECT_EQ(first, record(plan_of(drawn), "second"));
  plan.seed = 12;
  draw_schedule(plan);
  EXPECT_NE(first, record(plan, "third"));
}

}  // namespace
}  // namespace ordeal::chaos
