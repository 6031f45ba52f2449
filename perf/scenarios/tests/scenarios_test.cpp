// Every scenario measures what its metrics say, with real processes; none is judged by the clock.
#include <gtest/gtest.h>

#include <cstdlib>

#include "perf/bench/call_counters.hpp"
#include "perf/scenarios/control_blocks.hpp"
#include "perf/scenarios/run_case.hpp"

namespace ordeal::perf {
namespace {

CaseSpec spec_of(const std::string& toml) {
  const auto suite =
      suite_from_toml("about = \"test\"\n[[case]]\nname = \"c\"\n" + toml, "test", "test");
  EXPECT_TRUE(suite) << suite.error().text();
  return suite->cases.front();
}

// Runs it, and expects each metric that its list names, apart from `missing`.
Findings run(const CaseSpec& spec, SampleOptions options = {}) {
  options.control_blocks = false;
  const auto result = run_case(spec, options);
  EXPECT_TRUE(result) << result.error().text();
  if (!result) return {};
  const auto& values = result->findings.values;
  for (const Metric& metric : metrics_of(spec)) {
    const bool may_be_refused = metric.name == "system_calls" || metric.name == "instructions" ||
                                metric.name == "allocations";
    EXPECT_TRUE(may_be_refused || values.contains(metric.name)) << metric.name;
  }
  const auto read_back = sample_from_json(to_json(result->sample), "test");
  EXPECT_TRUE(read_back) << read_back.error().text();
  return result->findings;
}

TEST(Scenarios, calls_are_all_made_and_answered) {
  const Findings found = run(
      spec_of("scenario = \"calls\"\ncalls = 160\ncallers = 2\npool = { size = 2 }\nsessions = 4"));
  EXPECT_DOUBLE_EQ(found.values.at("success_rate"), 1);
  EXPECT_EQ(found.latencies.count(), 160u);
  EXPECT_GT(found.values.at("worker_pss"), 1000);
  EXPECT_GT(found.values.at("fairness"), 0.4);
  EXPECT_LE(found.values.at("p50"), found.values.at("p99"));
}

TEST(Scenarios, a_failing_call_is_counted_by_its_category_and_no_success) {
  CaseSpec spec =
      spec_of("scenario = \"calls\"\ncalls = 16\npool = { size = 1 }\nwarm_up_calls = 1");
  spec.command = "error";
  const Findings found = run(spec);
  EXPECT_DOUBLE_EQ(found.values.at("success_rate"), 0);
  ASSERT_EQ(found.errors.size(), 1u);
  EXPECT_EQ(found.errors.begin()->second, 16u);
}

TEST(Scenarios, a_pool_that_does_not_start_is_an_error_that_names_the_case) {
  const CaseSpec spec = spec_of("scenario = \"calls\"\npool = { size = 1 }\n");
  ::setenv("ORDEAL_CHECKOUT", "/nowhere", 1);
  const auto result = run_case(spec, {.control_blocks = false});
  ::unsetenv("ORDEAL_CHECKOUT");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::program);
  EXPECT_EQ(result.error().about, "test/c");
}

TEST(Scenarios, start_and_replacement_end_with_ready_workers) {
  const Findings started = run(spec_of("scenario = \"start\"\nrounds = 1\npool = { size = 2 }"));
  EXPECT_GT(started.values.at("ready"), 0);
  const Findings replaced = run(spec_of("scenario = \"replace\"\nrounds = 3\npool = { size = 2 }"));
  EXPECT_EQ(replaced.latencies.count(), 3u);
}

constexpr const char* load =
    "command = \"sleep\"\nwork_ms = 2\ncallers = 8\nduration_ms = 240\npool = { size = 2 }\n";

TEST(Scenarios, kills_happen_and_are_survived) {
  const Findings found =
      run(spec_of(std::string{"scenario = \"kills\"\nkill_every_ms = 80\n"} + load));
  // How many is the machine's doing: a loaded one takes longer for a start than to the next kill.
  EXPECT_GT(found.values.at("success_rate"), 0);
  EXPECT_GE(found.values.at("p99"), found.values.at("p99_calm") * 0.2);
}

TEST(Scenarios, a_roll_loses_no_call) {
  const Findings found = run(spec_of(std::string{"scenario = \"roll\"\n"} + load));
  EXPECT_DOUBLE_EQ(found.values.at("success_rate"), 1);
  EXPECT_GT(found.values.at("roll"), 0);
}

TEST(Scenarios, overload_yields_a_curve_and_ends) {
  const Findings found =
      run(spec_of(std::string{"scenario = \"overload\"\ndeadline_ms = 50\n"} + load));
  EXPECT_EQ(found.curve.size(), 4u);
  EXPECT_GT(found.values.at("goodput"), 0);
  EXPECT_LT(found.values.at("success_rate"), 1.01);
}

TEST(Scenarios, stores_core_and_simulation_are_measured) {
  EXPECT_GT(run(spec_of("scenario = \"store\"\ncalls = 80")).values.at("cpu"), 0);
  EXPECT_EQ(run(spec_of("scenario = \"store\"\ncalls = 16\nstore = \"sqlite\"")).latencies.count(),
            16u);
  EXPECT_GT(run(spec_of("scenario = \"core\"\noperation = \"grant\"")).values.at("cpu"), 0);
  EXPECT_GT(run(spec_of("scenario = \"simulation\"\ncalls = 500")).values.at("requests"), 0);
}

TEST(Scenarios, what_a_blocking_call_does_is_counted_and_the_same_each_time) {
  const CaseSpec spec = spec_of(
      "scenario = \"calls\"\ncalls = 8\npool = { size = 1, spin = \"off\" }\nwarm_up_calls = 1");
  const Findings once = run(spec, {.calls_by_instruction = 1});
  const Findings again = run(spec, {.calls_by_instruction = 1});
  if (!once.values.contains("system_calls")) GTEST_SKIP() << "this machine does not permit tracing";
  EXPECT_GE(once.values.at("system_calls"), 2);  // it writes and reads
  EXPECT_DOUBLE_EQ(once.values.at("system_calls"), again.values.at("system_calls"));
  if (allocations_are_counted()) {
    EXPECT_DOUBLE_EQ(once.values.at("allocations"), again.values.at("allocations"));
  }
}

TEST(Controls, blocks_have_the_same_names_before_and_after) {
  std::vector<ControlBlock> blocks;
  add_control_blocks(blocks, "before");
  ASSERT_EQ(blocks.size(), 3u);
  EXPECT_EQ(blocks[0].name, "spin_before");
  for (const ControlBlock& block : blocks) EXPECT_GT(block.value, 0);
}

}  // namespace
}  // namespace ordeal::perf
