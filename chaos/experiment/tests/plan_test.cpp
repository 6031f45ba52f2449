// Experiments are read whole or refused with file, line and what is allowed; schedules come from
// the seed alone.
#include "chaos/experiment/plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "testing/cites/cites.hpp"

namespace ordeal::chaos {
namespace {

using testing::HasSubstr;

constexpr std::string_view good = R"(title = "t"
seed = 7
[pool]
command = ["{relay}", "--control", "{relay_folder}", "--", "python3", "{mock_bridge}"]
size = 3
[load]
callers = 6
duration_ms = 3000
[[fault]]
kind = "delay_replies"
target = "random:2"
at_ms = 100
every_ms = 200
times = 3
latency_ms = 40
[random]
kinds = ["kill_worker", "freeze_worker"]
budget = 5
distance_min_ms = 150
[[steady]]
probe = "workers_serving"
min = 3
[end]
quiet_ms = 700
[bars]
ok_percent_min = 80
)";

const Registry& faults() {
  static const Registry registry = all_faults();
  return registry;
}

std::string message_of(std::string_view text) {
  const auto read = plan_from_toml(text, "e.toml", faults(), "m.py");
  return read ? "accepted" : read.error().message;
}

std::string with(std::string_view from, std::string_view to) {
  std::string text{good};
  text.replace(text.find(from), from.size(), to);
  return message_of(text);
}

TEST(Plan, is_read_as_written) {
  const auto plan = plan_from_toml(good, "e.toml", faults(), "m.py");
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->pool.command.back(), "m.py");
  EXPECT_TRUE(plan->with_relay);
  EXPECT_EQ(plan->pool.seed, 7u);
  EXPECT_EQ(plan->faults.front().target, (Target{Target::Rule::random, 2}));
  EXPECT_EQ(plan->faults.front().values.at("latency_ms"), 40);
  EXPECT_EQ(plan->faults.front().values.at("jitter_ms"), 20);
  EXPECT_EQ(plan->faults.size(), 6u);
  EXPECT_EQ(plan->shots.size(), 8u);
  EXPECT_EQ(plan->quiet, milliseconds{700});
  EXPECT_EQ(plan->bars.ok_percent_min, 80u);
}

TEST(Plan, unknown_keys_are_refused_with_their_line_and_what_is_allowed) {
  EXPECT_THAT(with("callers = 6", "calers = 6"), HasSubstr("e.toml:7: unknown key load.calers"));
  EXPECT_THAT(with("callers = 6", "calers = 6"),
              HasSubstr("allowed: affinity, callers, clump, command, deadline_min_ms, "));
  EXPECT_THAT(with("latency_ms", "latency"), HasSubstr("e.toml:15: unknown key fault.latency"));
  EXPECT_THAT(with("[end]", "[ends]"), HasSubstr("unknown key ends"));
  EXPECT_THAT(with("size = 3", "sise = 3"), HasSubstr("e.toml:5: pool: unknown option"));
}

TEST(Plan, wrong_values_are_refused_with_what_is_allowed) {
  EXPECT_EQ(with("callers = 6", "callers = 0"),
            "e.toml:7: load.callers: an integer from 1 to 1024 is wanted");
  EXPECT_EQ(with("latency_ms = 40", "latency_ms = -1"),
            "e.toml:15: fault.latency_ms: an integer from 0 to 60000 is wanted");
  EXPECT_EQ(with("latency_ms = 40", "latency_ms = 1e50"),  // found by a fuzzer: once cast
            "e.toml:15: fault.latency_ms: an integer from 0 to 60000 is wanted");
  EXPECT_THAT(with("random:2", "random:0"), HasSubstr("e.toml:11: fault.target: unknown target"));
  EXPECT_THAT(with("\"delay_replies\"", "\"tickle\""),
              HasSubstr("e.toml:10: fault.kind: unknown fault tickle, known: kill_worker"));
  EXPECT_THAT(with("kind = \"delay_replies\"\n", ""), HasSubstr("fault.kind is missing"));
  EXPECT_THAT(with("workers_serving", "mood"), HasSubstr("unknown probe mood, allowed: "));
  EXPECT_THAT(with("every_ms = 200\n", ""), HasSubstr("fault.times needs every_ms"));
  EXPECT_THAT(with("quiet_ms = 700", "quiet_ms = 3000"),
              HasSubstr("end.quiet_ms must be less than load.duration_ms"));
  EXPECT_THAT(with("size = 3", "size = "), HasSubstr("e.toml:5: "));
  EXPECT_THAT(with("size = 3", "size = 0"), HasSubstr("e.toml:5: pool: option size: 0 is out of"));
  EXPECT_THAT(with("size = 3", "size = 3\nbreaker.failurs = 3"),
              HasSubstr("e.toml:6: pool: unknown option"));
  EXPECT_THAT(with("min = 3", "min = 3\nmax = 2"), HasSubstr("steady.min exceeds steady.max"));
  EXPECT_THAT(with("{mock_bridge}", "{mock_brige}"),
              HasSubstr("e.toml:3: pool.command: {mock_brige} is unknown, known: {mock_bridge}, "));
  EXPECT_THAT(with("at_ms = 100", "at_ms = 2500"),
              HasSubstr("e.toml:9: fault.at_ms: 2900 ms is too late: the load lasts 3000 ms"));
  EXPECT_THAT(with("quiet_ms = 700\n", "quiet_ms = 700\n[bars.events_min]\nworker_born = 1\n"),
              HasSubstr("unknown event worker_born, known: "));
}

TEST(Plan, an_option_that_has_names_is_written_by_name_read_by_name_and_refused_by_name) {
  const auto failing = [](std::string_view error) {
    return std::string{good} +
           "[[fault]]\nkind = \"fail_system_calls\"\nat_ms = 100\nerror = " + std::string{error} +
           "\nsystem_call = \"write\"\n";
  };
  const auto plan = plan_from_toml(failing("\"ENOSPC\""), "e.toml", faults(), "m.py");
  ASSERT_TRUE(plan) << plan.error().message;
  const FaultEntry& fault = plan->faults[1];
  EXPECT_EQ(fault.values.at("error"), ENOSPC);
  EXPECT_EQ(fault.kind->describe(fault.values),
            "fail_system_calls (error ENOSPC, failures 1, nth 1, system_call write)");
  EXPECT_THAT(message_of(failing("\"EWHAT\"")),
              HasSubstr("fault.error: unknown error EWHAT, allowed: EINTR, EAGAIN, EIO, ENOSPC, "));
  EXPECT_THAT(message_of(failing("28")), HasSubstr("fault.error: "));
}

TEST(Plan, a_target_may_be_another_process_than_a_worker) {
  const std::string text =
      std::string{good}.replace(good.find("kind = \"delay_replies\"\ntarget = \"random:2\""), 42,
                                "kind = \"kill_worker\"\ntarget = \"template\"");
  std::string without = text;
  without.replace(without.find("latency_ms = 40\n"), 16, "");
  const auto plan = plan_from_toml(without, "e.toml", faults(), "m.py");
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->faults.front().kind->name, "kill_template");
}

TEST(Plan, the_same_seed_draws_the_same_schedule_and_another_seed_another) {
  cites(51);
  auto a = plan_from_toml(good, "e.toml", faults(), "m.py");
  auto b = plan_from_toml(good, "e.toml", faults(), "m.py");
  ASSERT_TRUE(a && b);
  const auto lines = [](Plan& plan, std::uint64_t seed) {
    plan.seed = seed;
    draw_schedule(plan);
    std::vector<std::string> text;
    for (const Shot& shot : plan.shots) {
      const FaultEntry& entry = plan.faults[shot.entry];
      text.push_back(std::string{entry.kind->name} + to_string(entry.target) +
                     std::to_string(shot.due.count()) + "/" +
                     std::to_string(entry.duration.count()));
    }
    return text;
  };
  EXPECT_EQ(lines(*a, 9), lines(*b, 9));
  EXPECT_NE(lines(*a, 9), lines(*b, 10));
  (void)lines(*a, 9);
  for (std::size_t i = a->written; i + 1 < a->faults.size(); ++i) {
    EXPECT_GE(a->faults[i + 1].at - a->faults[i].at, milliseconds{150});
  }
}

}  // namespace
}  // namespace ordeal::chaos
