// The checks of a run judge made-up results: a good one passes, and each check is seen to fail.
#include "chaos/experiment/judge.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>

#include "testing/cites/cites.hpp"

namespace ordeal::chaos {
namespace {

using testing::HasSubstr;
using trial::CallRecord;
using trial::Outcome;
using trial::Verdict;
using Kind = Verdict::Kind;

// Two seconds of load; worker 3 was frozen from 500 to 900 ms, and its call failed. All went well.
struct MadeUp {
  MadeUp() {
    kind.name = "freeze_worker";
    kind.undoes = true;
    kill.name = "kill_worker";
    kill.kills = true;
    kill.undoes = false;
    plan.pool.size = 2;
    plan.bars.events_min = {{"worker_ready", 2}};
    plan.bars.spawns_max = 10;
    plan.bars.first_ok_max = milliseconds{300};
    plan.bars.affinity_percent_min = 90;
    plan.bars.promises = true;
    result.broken_promise = "";
    plan.load.affinity = pool::AffinityPolicy::prefer;
    plan.load.rate = {{.at = milliseconds{0}, .per_second = 100}};
    result.due = 200;
    plan.steady = {{.probe = "workers_serving", .min = 2, .during_min = 1},
                   {.probe = "ok_percent", .min = 99},
                   {.probe = "p99_ms", .max = 50}};
    result.load_began = at(0);
    result.first_fault = at(500);
    result.quiet_began = at(1'500);
    result.load_ended = at(2'000);
    result.whole_at = at(2'000);
    result.whole = result.stop_returned = true;
    Strike& strike = result.strikes.emplace_back();
    strike.kind = &kind;
    strike.number = 1;
    strike.id = {3, 700};
    strike.state = Strike::State::recovered;
    strike.was_proved = true;
    strike.injected_at = at(500);
    strike.proved_at = at(510);
    strike.undone_at = at(900);
    strike.recovered_at = at(950);
    Strike& death = result.strikes.emplace_back();
    death = Strike{.state = Strike::State::recovered, .kind = &kill};
    death.number = 2;
    death.id = {4, 701};
    death.was_proved = true;
    death.injected_at = at(1'000);
    death.proved_at = at(1'001);
    death.detected_at = at(1'002);
    death.recovered_at = at(1'050);
    for (std::uint64_t number = 0; number < 200; ++number) {
      CallRecord call;
      call.nonce = {0, number};
      call.echoed = call.nonce;
      call.outcome = Outcome::ok;
      call.submitted_at = at(10 * static_cast<int>(number));
      call.ended_at = call.submitted_at + milliseconds{5};
      call.deadline = call.submitted_at + milliseconds{1'000};
      result.executions[to_string(call.nonce)] = 1;
      result.history.calls.push_back(call);
    }
    result.history.calls[60].outcome = Outcome::indeterminate;
    result.history.calls[60].code = "call_timeout";
    // The worker of call 100 died at once; the call was over by then.
    result.history.calls[100].outcome = Outcome::indeterminate;
    result.history.calls[100].code = "worker_died";
    result.history.calls[100].worker = 4;
    result.history.sent = result.history.calls.size();
    for (int ms = 0; ms < 2'000; ms += 50) {
      const bool struck = ms > 500 && ms < 950;
      result.samples.push_back({.at = at(ms), .serving = struck ? 1U : 2U});
    }
    for (std::uint64_t worker = 3; worker < 5; ++worker) {
      pool::WorkerStatus& seen = result.status.workers.emplace_back();
      seen.worker = worker;
      seen.pid = 700;
      seen.state = "ready";
    }
    result.status.spawns = 3;
    result.events = {{"worker_ready", 3}};
    result.sessions = {.sessions = {{.acknowledged = 40,
                                     .unknown = 1,
                                     .found = 41,
                                     .last_worker = 4,
                                     .kept = 95,
                                     .moved = 5,
                                     .calm_sent = 9,
                                     .calm_ok = 9}},
                       .checked = true};
    for (std::uint64_t number = 1'000; number < 1'016; ++number) {
      CallRecord call;
      call.nonce = {0, number};
      call.echoed = call.nonce;
      call.outcome = Outcome::ok;
      result.after_rollback.calls.push_back(call);
    }
    result.after_rollback.sent = result.after_rollback.calls.size();
    result.with_executions = true;
  }
  MadeUp(const MadeUp&) = delete;
  MadeUp& operator=(const MadeUp&) = delete;

  static TimePoint at(int ms) { return TimePoint{} + std::chrono::hours{1} + milliseconds{ms}; }
  [[nodiscard]] std::vector<Check> judged() const { return judge_run(plan, result); }

  FaultKind kind, kill;
  Plan plan;
  RunResult result;
};

void fail(MadeUp& run, std::size_t number, std::string_view code) {
  run.result.history.calls[number].outcome = Outcome::failed;
  run.result.history.calls[number].code = code;
}

struct Flaw {
  std::string_view check;  // the one that must notice
  Kind kind;
  std::string_view evidence;
  std::function<void(MadeUp&)> make;
};

// Call 150 was under way when no fault was about.
const std::vector<Flaw>& flaws() {
  static const std::vector<Flaw> all{
      {"outcomes", Kind::fail, "had no outcome by its deadline",
       [](MadeUp& run) { run.result.history.calls[150].outcome = Outcome::lost; }},
      {"outcomes", Kind::fail, "", [](MadeUp& run) { ++run.result.history.sent; }},
      {"mixed_up", Kind::fail, "got the reply of call",
       [](MadeUp& run) {
         std::swap(run.result.history.calls[3].echoed, run.result.history.calls[4].echoed);
       }},
      {"blast_radius", Kind::fail, "failed with no fault about",
       [](MadeUp& run) { run.result.history.calls[150].outcome = Outcome::failed; }},
      {"blast_radius", Kind::fail, "failed with no fault about",
       [](MadeUp& run) {
         fail(run, 150, "worker_died");
         run.result.history.calls[150].gave_up = true;  // and that is not why
       }},
      {"blast_radius", Kind::fail, "failed with no fault about",
       [](MadeUp& run) {
         fail(run, 150, "queue_timeout");
         run.result.operations = {{MadeUp::at(1'100), "resize to 1"}};
         run.result.settled_at = MadeUp::at(1'300);
       }},
      {"right_errors", Kind::fail, "no fault about (operations) may cause",
       [](MadeUp& run) {
         fail(run, 150, "worker_died");
         run.result.operations = {{MadeUp::at(1'490), "roll"}};
       }},
      {"blast_radius", Kind::fail, "failed with no fault about",
       [](MadeUp& run) {
         fail(run, 150, "pool_stopping");
         run.result.stop_at = MadeUp::at(1'900);
       }},
      {"right_errors", Kind::fail, "no fault about (the stop) may cause",
       [](MadeUp& run) {
         fail(run, 150, "malformed_reply");
         run.result.stop_at = MadeUp::at(1'450);
       }},
      {"right_errors", Kind::fail,
       "failed with reply_id_mismatch, which no fault about (freeze_worker) may cause",
       [](MadeUp& run) { run.result.history.calls[60].code = "reply_id_mismatch"; }},
      {"noticed", Kind::fail, "the pool has not noticed that it died",
       [](MadeUp& run) { run.result.strikes[1].detected_at = {}; }},
      {"noticed", Kind::fail, "noticed after 2600 ms",
       [](MadeUp& run) { run.result.strikes[1].detected_at = MadeUp::at(3'600); }},
      {"noticed", Kind::fail, "its caller was told 3999 ms later (worker_died, call",
       [](MadeUp& run) { run.result.history.calls[100].ended_at = MadeUp::at(5'000); }},
      {"recovered", Kind::fail, "at most 300 may pass",
       [](MadeUp& run) {
         for (int i = 51; i < 99; ++i) run.result.history.calls[i].outcome = Outcome::failed;
       }},
      {"outcomes", Kind::fail, "had no outcome by its deadline",
       [](MadeUp& run) { run.result.after_rollback.calls[3].outcome = Outcome::lost; }},
      {"proved", Kind::unknown, "the run was interrupted",
       [](MadeUp& run) { run.result.interrupted = true; }},
      {"load", Kind::fail, "at least 95 % must be begun",
       [](MadeUp& run) { run.result.due = 400; }},
      {"service", Kind::fail, "ended ok, at least 90 % must",
       [](MadeUp& run) {
         for (int i = 50; i < 75; ++i) run.result.history.calls[i].outcome = Outcome::failed;
       }},
      {"proved", Kind::unknown, "not proved: strike 1 (freeze_worker, worker 3, pid 700)",
       [](MadeUp& run) { run.result.strikes[0].was_proved = false; }},
      {"proved", Kind::unknown, "not run: freeze_worker: no rights",
       [](MadeUp& run) { run.result.not_permitted["freeze_worker"] = "no rights"; }},
      {"proved", Kind::unknown, "never injected: freeze_worker",
       [](MadeUp& run) {
         run.plan.faults.push_back({.kind = &run.kind});
         run.result.never_fired = {0};
       }},
      {"proved", Kind::unknown, "no steady state: sick",
       [](MadeUp& run) { run.result.not_steady = "sick"; }},
      {"proved", Kind::unknown, "too little to mean anything",
       [](MadeUp& run) { run.plan.bars.strikes_min = 3; }},
      {"undone", Kind::unknown, "not undone: strike 1",
       [](MadeUp& run) { run.result.strikes[0].undone_at = {}; }},
      // The rollback at the end does not make it good.
      {"undone", Kind::unknown, "not undone: strike 1",
       [](MadeUp& run) { run.result.strikes[0].undo_missed = true; }},
      {"recovered", Kind::fail, "the pool was not whole again",
       [](MadeUp& run) { run.result.strikes[0].recovered_at = {}; }},
      {"recovered", Kind::fail, "whole again after 700 ms",
       [](MadeUp& run) {
         run.plan.recovery_max = milliseconds{600};
         run.result.strikes[0].recovered_at = MadeUp::at(1'600);
       }},
      {"recovered", Kind::fail, "after the load", [](MadeUp& run) { run.result.whole = false; }},
      {"progress", Kind::fail, "0 calls that began after the faults ended ok, at least 10 must",
       [](MadeUp& run) { run.result.quiet_began = MadeUp::at(2'000); }},
      {"nothing_left", Kind::fail, "left behind: pid 4711",
       [](MadeUp& run) {
         run.result.left_behind.push_back({.pid = 4711, .parent = 1, .state = 'Z', .name = "py"});
       }},
      {"nothing_left", Kind::fail, "2 descriptors more",
       [](MadeUp& run) { run.result.after.descriptors = 2; }},
      {"nothing_left", Kind::fail, "grown by 100 MiB",
       [](MadeUp& run) { run.result.after.rss_kib = 100 * 1024; }},
      {"nothing_left", Kind::fail, "stop did not return",
       [](MadeUp& run) { run.result.stop_returned = false; }},
      {"events", Kind::fail, "worker_ready came 1 times, not 2",
       [](MadeUp& run) { run.result.events["worker_ready"] = 1; }},
      {"events", Kind::fail, "a storm of restarts: 11",
       [](MadeUp& run) { run.result.status.spawns = 11; }},
      {"executed_once", Kind::fail, "was executed 2 times",
       [](MadeUp& run) { run.result.executions.begin()->second = 2; }},
      {"steady_state", Kind::fail, "before: workers_serving is 1, at least 2",
       [](MadeUp& run) { run.result.samples[2].serving = 1; }},
      {"steady_state", Kind::fail, "during: workers_serving is 0, at least 1",
       [](MadeUp& run) { run.result.samples[15].serving = 0; }},
      {"steady_state", Kind::fail, "after: p99_ms is 80, at most 50",
       [](MadeUp& run) {
         for (int i = 190; i < 192; ++i) {
           CallRecord& call = run.result.history.calls[i];
           call.ended_at = call.submitted_at + milliseconds{80};
         }
       }},
      {"steady_state", Kind::fail, "after the rollback: 1 workers serve",
       [](MadeUp& run) { run.result.status.workers[0].state = "starting"; }},
      {"steady_state", Kind::fail, "after the rollback: ok_percent is 50, at least 99 is healthy",
       [](MadeUp& run) {
         for (int i = 0; i < 8; ++i) {
           run.result.after_rollback.calls[i].outcome = Outcome::failed;
         }
       }},
      {"sessions", Kind::fail, "session 0: 40 updates were acknowledged, the store has 39",
       [](MadeUp& run) { run.result.sessions.sessions[0].found = 39; }},
      {"sessions", Kind::fail, "session 0: the store has 42 updates, 41 were made",
       [](MadeUp& run) { run.result.sessions.sessions[0].found = 42; }},
      {"sessions", Kind::fail,
       "session other of a host that was killed: 20 updates were acknowledged, the store has 19",
       [](MadeUp& run) {
         run.result.sessions.of_other_hosts = {{"other", 20, 19}};
       }},
      {"affinity", Kind::fail, "at least 90 % must be",
       [](MadeUp& run) { run.result.sessions.sessions[0].moved = 50; }},
      {"promises", Kind::fail, "(10) a grant after the stop",
       [](MadeUp& run) { run.result.broken_promise = "(10) a grant after the stop (event 7)"; }},
      {"promises", Kind::unknown, "there is no whole record",
       [](MadeUp& run) { run.result.broken_promise.reset(); }},
      {"affinity", Kind::fail, "session 0 was served no more",
       [](MadeUp& run) { run.result.sessions.sessions[0].calm_ok = 0; }},
  };
  return all;
}

TEST(Judge, a_good_run_passes_all_its_checks) {
  const MadeUp run;
  const auto checks = run.judged();
  EXPECT_EQ(checks.size(), 18u);
  for (const Check& check : checks) {
    EXPECT_TRUE(check.verdict.passed()) << check.name << ": " << check.sentence;
  }
}

TEST(Judge, each_check_is_seen_to_fail_with_its_reason) {
  cites(49, 50);
  std::set<std::string> seen;
  for (const Flaw& flaw : flaws()) {
    MadeUp run;
    flaw.make(run);
    const auto checks = run.judged();
    const auto check = std::find_if(checks.begin(), checks.end(),
                                    [&flaw](const Check& c) { return c.name == flaw.check; });
    ASSERT_NE(check, checks.end()) << flaw.check;
    EXPECT_EQ(check->verdict.kind(), flaw.kind) << flaw.check << " " << flaw.evidence;
    EXPECT_THAT(check->verdict.evidence(),
                testing::Contains(HasSubstr(std::string{flaw.evidence})));
    EXPECT_FALSE(overall(checks).passed());
    seen.insert(check->name);
  }
  for (const Check& check : MadeUp{}.judged()) EXPECT_TRUE(seen.contains(check.name)) << check.name;
}

TEST(Judge, what_its_caller_an_operator_or_a_stop_wanted_is_no_failure_of_the_pool) {
  MadeUp given_up;
  given_up.plan.steady.clear();
  fail(given_up, 150, "cancelled_in_flight");
  given_up.result.history.calls[150].gave_up = true;
  EXPECT_TRUE(overall(given_up.judged()).passed());

  MadeUp operated;
  operated.plan.steady.clear();
  fail(operated, 150, "pool_draining");
  operated.result.operations = {{MadeUp::at(1'400), "drain"}};
  operated.result.settled_at = MadeUp::at(1'700);
  EXPECT_TRUE(overall(operated.judged()).passed());

  MadeUp stopped;
  fail(stopped, 150, "stopped_in_flight");
  stopped.result.stop_at = MadeUp::at(1'501);
  stopped.result.strikes[1].injected_at = MadeUp::at(1'500);  // nobody need notice it any more
  stopped.result.strikes[1].detected_at = {};
  stopped.result.whole = false;
  stopped.result.strikes[0].recovered_at = {};
  const auto checks = stopped.judged();
  EXPECT_TRUE(overall(checks).passed()) << overall(checks).evidence().front();
  for (const Check& check : checks) EXPECT_NE(check.name, "recovered");
}

// The fault is the tool's to undo: that the pool is not well meanwhile proves nothing against it.
TEST(Judge, what_a_fault_that_stays_does_to_the_pool_is_unknown_and_not_failed) {
  MadeUp run;
  run.result.strikes[0].undone_at = run.result.strikes[0].recovered_at = {};
  run.result.whole = false;
  run.result.quiet_began = MadeUp::at(2'000);
  EXPECT_EQ(overall(run.judged()).kind(), Kind::unknown);
  run.result.history.calls[150].outcome = Outcome::lost;  // that no fault excuses
  EXPECT_EQ(overall(run.judged()).kind(), Kind::fail);
}

}  // namespace
}  // namespace ordeal::chaos
