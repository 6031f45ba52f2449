// The verdicts of the demo judge made-up results.
#include "chaos/experiment/verdicts.hpp"

#include <gtest/gtest.h>

#include "testing/cites/cites.hpp"

namespace ordeal::chaos {
namespace {

using trial::Outcome;
using trial::Verdict;

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
  run = {};  // also where those that were proved would be enough
  run.result.victims.push_back({});
  run.result.victims[1].state = Victim::State::unproved;
  EXPECT_EQ(run.kind_of("effort"), Verdict::Kind::unknown);
  run = {};
  run.result.victims.clear();
  EXPECT_EQ(run.kind_of("effort"), Verdict::Kind::unknown);
}

}  // namespace
}  // namespace ordeal::chaos
