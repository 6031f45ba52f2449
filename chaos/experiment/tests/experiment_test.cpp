// Experiments are read whole or refused with file and line; verdicts judge made-up results.
#include "chaos/experiment/experiment.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/cites/cites.hpp"

namespace ordeal::chaos {
namespace {

using testing::HasSubstr;
using trial::Outcome;
using trial::Verdict;

constexpr std::string_view good = R"(title = "t"
seed = 7
[pool]
command = ["python3", "{mock_bridge}"]
size = 3
[load]
callers = 6
duration_ms = 3000
[fault]
kind = "kill_worker"
targets = ["random:2", "idle"]
times_max = 4
[end]
quiet_ms = 700
[bars]
kills_min = 2
)";

std::string message_of(std::string_view text) {
  const auto read = experiment_from_toml(text, "e.toml", "m.py");
  return read ? "accepted" : read.error().message;
}

std::string with(std::string_view from, std::string_view to) {
  std::string text{good};
  text.replace(text.find(from), from.size(), to);
  return message_of(text);
}

TEST(Experiment, is_read_as_written) {
  const auto read = experiment_from_toml(good, "e.toml", "m.py");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->plan.pool.command.at(1), "m.py");
  EXPECT_EQ(read->plan.pool.size, 3u);
  EXPECT_EQ(read->plan.pool.seed, 7u);
  EXPECT_EQ(read->plan.load.callers, 6u);
  EXPECT_EQ(read->plan.schedule.targets.size(), 2u);
  EXPECT_EQ(read->plan.schedule.targets[0], (Target{Target::Rule::random, 2}));
  EXPECT_EQ(read->plan.schedule.times_max, 4u);
  EXPECT_EQ(read->plan.quiet, milliseconds{700});
  EXPECT_EQ(read->bars.kills_min, 2u);
}

TEST(Experiment, unknown_keys_are_refused_with_their_line) {
  EXPECT_EQ(with("callers = 6", "calers = 6"), "e.toml:7: unknown key load.calers");
  EXPECT_EQ(with("seed = 7", "sed = 7"), "e.toml:2: unknown key sed");
  EXPECT_EQ(with("[end]", "[ends]"), "e.toml:13: unknown key ends");
  EXPECT_THAT(with("size = 3", "sise = 3"), HasSubstr("e.toml:3: pool: "));
}

TEST(Experiment, wrong_values_are_refused_with_what_is_allowed) {
  EXPECT_EQ(with("callers = 6", "callers = 0"),
            "e.toml:7: load.callers: an integer from 1 to 1024 is wanted");
  EXPECT_EQ(with("callers = 6", "callers = 6.5"),
            "e.toml:7: load.callers: an integer from 1 to 1024 is wanted");
  EXPECT_EQ(with("\"idle\"", "\"idler\""),
            "e.toml:11: fault.targets: unknown target idler, allowed: one, random:N, busiest, "
            "oldest, idle, all");
  EXPECT_EQ(with("kill_worker", "tickle"),
            "e.toml:10: fault.kind: unknown fault tickle, known: kill_worker");
  EXPECT_EQ(with("kind = \"kill_worker\"\n", ""), "e.toml: fault.kind is missing");
  EXPECT_EQ(with("quiet_ms = 700", "quiet_ms = 3000"),
            "e.toml: end.quiet_ms must be less than load.duration_ms");
  EXPECT_EQ(with("[pool]", "pool = 3\n[fool]"), "e.toml:3: pool: a table is wanted");
  EXPECT_THAT(with("size = 3", "size = "), HasSubstr("e.toml:5: "));
}

// A run in which one kill struck and all went well.
struct MadeUp {
  MadeUp() {
    plan.pool.size = 2;
    result.serving_before = result.serving_after = 2;
    result.dead_at_end = 1;
    result.stop_returned = true;
    Victim victim;
    victim.state = Victim::State::recovered;
    victim.id = {3, 700};
    victim.was_child = true;
    result.victims.push_back(std::move(victim));
    for (std::uint64_t number = 0; number < 20; ++number) {
      trial::CallRecord call;
      call.nonce = {0, number};
      call.echoed = call.nonce;
      call.outcome = Outcome::ok;
      result.history.calls.push_back(call);
    }
    trial::CallRecord& hit = result.history.calls.front();
    hit.outcome = Outcome::indeterminate;
    hit.death = trial::DeathSeen{.pid = 700, .worker = 3, .request_in_hand = 1};
    result.history.sent = result.history.calls.size();
  }
  [[nodiscard]] Verdict::Kind kind_of(std::string_view name) const {
    for (const Check& check : judge(plan, result, {.struck_percent_min = 30})) {
      if (check.name == name) return check.verdict.kind();
    }
    ADD_FAILURE() << "no check " << name;
    return Verdict::Kind::pass;
  }
  AttackPlan plan;
  AttackResult result;
};

TEST(Verdicts, a_good_run_passes) {
  const MadeUp run;
  EXPECT_TRUE(overall(judge(run.plan, run.result, {})).passed());
  EXPECT_EQ(count_struck(run.result), 1u);
}

TEST(Verdicts, each_check_is_seen_to_fail) {
  cites(50);
  MadeUp run;
  ++run.result.history.sent;
  EXPECT_EQ(run.kind_of("conservation"), Verdict::Kind::fail);
  run = {};
  run.result.history.calls[3].outcome = Outcome::lost;
  EXPECT_EQ(run.kind_of("lost"), Verdict::Kind::fail);
  run = {};
  std::swap(run.result.history.calls[3].echoed, run.result.history.calls[4].echoed);
  EXPECT_EQ(run.kind_of("mixed_up"), Verdict::Kind::fail);
  run = {};
  run.result.history.calls[3].outcome = Outcome::failed;
  EXPECT_EQ(run.kind_of("casualties"), Verdict::Kind::fail);
  run = {};
  run.result.history.calls[0].death.reset();
  EXPECT_EQ(run.kind_of("struck"), Verdict::Kind::unknown);
  run = {};
  for (int i = 3; i < 6; ++i) run.result.history.calls[i].outcome = Outcome::failed;
  EXPECT_EQ(run.kind_of("service"), Verdict::Kind::fail);
  run = {};
  run.result.dead_at_end = 0;
  EXPECT_EQ(run.kind_of("really_dead"), Verdict::Kind::fail);
  run = {};
  run.result.victims[0].was_child = false;
  EXPECT_EQ(run.kind_of("really_dead"), Verdict::Kind::fail);
  run = {};
  run.result.serving_after = 1;
  EXPECT_EQ(run.kind_of("whole_again"), Verdict::Kind::fail);
  run = {};
  run.result.victims[0].state = Victim::State::proved;
  EXPECT_EQ(run.kind_of("whole_again"), Verdict::Kind::fail);
  run = {};
  run.result.left_behind.push_back({.pid = 4711, .parent = 1, .state = 'Z', .name = "python3"});
  EXPECT_EQ(run.kind_of("nothing_left"), Verdict::Kind::fail);
  run = {};
  run.result.stop_returned = false;
  EXPECT_EQ(run.kind_of("nothing_left"), Verdict::Kind::fail);
}

TEST(Verdicts, a_fault_without_proof_is_no_pass) {
  cites(49, 50);
  MadeUp run;
  run.result.victims[0].state = Victim::State::unproved;
  EXPECT_EQ(run.kind_of("effort"), Verdict::Kind::unknown);
  run = {};
  run.result.victims.clear();
  EXPECT_EQ(run.kind_of("effort"), Verdict::Kind::unknown);
}

}  // namespace
}  // namespace ordeal::chaos
