// Six staged stalls, each named correctly, from outside and in one sentence (issue 6, judged point
// 4).
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <deque>

#include "ordeal/pool/diagnosis.hpp"
#include "ordeal/pool/session.hpp"
#include "pool/runtime/tests/support.hpp"

namespace ordeal::pool {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

Options stall_options(std::uint32_t size) {
  Options options = script_options(size, TESTS_FOLDER "/stall_bridge.py");
  options.environment["PYTHON_MOCK"] = PYTHON_MOCK;
  options.quarantine_grace = 0ms;
  return options;
}

// A call that gets stuck, one that waits behind it, and what the pool says of them.
struct Stall {
  Stall(Options options, const std::string& command) : pool(must_start(options)) {
    callers.emplace_back(pool, command, Json::object(),
                         CallOptions{.deadline = patience, .stop_token = stop.get_token()});
    EXPECT_TRUE(wait_until(pool, [](const Status& status) { return status.running == 1; }));
  }
  ~Stall() { stop.request_stop(); }
  void another_waits(const CallOptions& options = {}) {
    CallOptions waits = options;
    waits.deadline = patience;
    waits.stop_token = stop.get_token();
    callers.emplace_back(pool, "echo", Json::object(), waits);
    EXPECT_TRUE(wait_until(pool, [](const Status& status) { return status.queue_depth == 1; }));
  }
  std::stop_source stop;
  Pool pool;
  std::deque<Caller> callers;
};

// Until the worker has come as far as `frame` in so many threads: its stacks say so. Each look
// waits for its answer.
Diagnosis await_frame(Pool& pool, const std::string& frame, int threads = 1) {
  Diagnosis seen;
  for (int i = 0; i < 1000; ++i) {
    seen = pool.diagnose();
    int found = 0;
    const std::string& stacks = seen.workers.at(0).stacks;
    for (std::size_t at = stacks.find(frame); at != std::string::npos;
         at = stacks.find(frame, at + 1)) {
      ++found;
    }
    if (found >= threads) return seen;
  }
  ADD_FAILURE() << "no " << frame << " in: " << seen.workers.at(0).stacks
                << seen.workers.at(0).no_stacks;
  return seen;
}

TEST(Diagnosis, ALoopThatHoldsTheGilComputesAndItsFunctionIsNamed) {
  Stall stall{stall_options(1), "gil_loop"};
  stall.another_waits();
  const Diagnosis seen = await_frame(stall.pool, "compute_for_ever");
  EXPECT_EQ(seen.workers[0].process, ProcessState::running);
  EXPECT_THAT(explain(seen),
              AllOf(HasSubstr("request 2 (echo) has waited for"),
                    HasSubstr("all 1 workers are busy; worker 1 has had request 1 "
                              "(gil_loop) for"),
                    HasSubstr("it computes, in File"), HasSubstr("in compute_for_ever")));
}

TEST(Diagnosis, ACycleOfLocksWaitsAndBothThreadsAreShown) {
  Stall stall{stall_options(1), "lock_cycle"};
  stall.another_waits();
  const Diagnosis seen = await_frame(stall.pool, "line 36 in take_both", 2);
  EXPECT_THAT(explain(seen), AllOf(AnyOf(HasSubstr("it waits for a lock, in File"),
                                         HasSubstr("or for a lock, in File")),
                                   HasSubstr("in take_both"), Not(HasSubstr("computes"))));
}

TEST(Diagnosis, AStoppedProcessIsNamedAndNotAskedForWhatItCannotSay) {
  Stall stall{mock_options(1), "hang"};
  stall.another_waits();
  const int pid = stall.pool.status().workers.at(0).pid;
  ASSERT_EQ(kill(pid, SIGSTOP), 0);
  Diagnosis seen = stall.pool.diagnose();
  while (seen.workers.at(0).process != ProcessState::stopped) seen = stall.pool.diagnose();
  seen = stall.pool.diagnose();  // the last one may have asked before the stop was felt
  EXPECT_THAT(explain(seen), HasSubstr("its process is stopped (SIGSTOP"));
  EXPECT_THAT(seen.workers[0].no_stacks, HasSubstr("stopped"));
  EXPECT_EQ(kill(pid, SIGCONT), 0);
}

TEST(Diagnosis, AnOpenBreakerLetsNobodyWaitAndIsNamed) {
  Options options = stall_options(2);
  options.breaker.enabled = true;
  options.breaker.failures = 1;
  Pool pool = must_start(options);
  EXPECT_EQ(code_of(pool.call("fail", Json::object(), {.deadline = patience})),
            ErrorCode::application_error);
  EXPECT_EQ(code_of(pool.call("fail", Json::object(), {.deadline = patience})),
            ErrorCode::circuit_open);
  const std::string sentence = explain(pool.diagnose());
  EXPECT_THAT(sentence,
              AllOf(HasSubstr("the circuit fail is open, for the 1. time"),
                    HasSubstr("circuit_open; 1 so far"), HasSubstr("trials are let through in")));
}

TEST(Diagnosis, AStrictSessionWaitsForItsOwnWorkerAlthoughAnotherIsIdle) {
  Options options = mock_options(2);
  options.affinity = AffinityPolicy::strict;
  Pool pool = must_start(options);
  std::stop_source stop;
  CallOptions in_session{.deadline = patience, .stop_token = stop.get_token(), .session = "s"};
  Caller hangs{pool, "hang", Json::object(), in_session};
  EXPECT_TRUE(wait_until(pool, [](const Status& status) { return status.running == 1; }));
  Caller waits{pool, "echo", Json::object(), in_session};
  EXPECT_TRUE(wait_until(pool, [](const Status& status) { return status.queue_depth == 1; }));
  const Diagnosis seen = pool.diagnose();
  const std::string worker = std::to_string(seen.queue.at(0).worker);
  EXPECT_THAT(explain(seen),
              AllOf(HasSubstr("(echo) has waited for"),
                    HasSubstr("for worker " + worker + " alone, to which its session s is bound"),
                    HasSubstr("worker " + worker + " has had request")));
  EXPECT_EQ(seen.status.idle, 1U);
  stop.request_stop();
}

TEST(Diagnosis, StartsThatFailAreNamedWithTheLastError) {
  Options options = mock_options(1, {"--start-fail", "always", "--start-exit-code", "9"});
  options.await_ready = AwaitReady::none;
  options.start_failures_max = 1000;
  options.start_backoff_base = 5s;
  options.start_backoff_max = 5s;
  Pool pool = must_start(options);
  std::stop_source stop;
  Caller waits{pool, "echo", Json::object(),
               CallOptions{.deadline = patience, .stop_token = stop.get_token()}};
  EXPECT_TRUE(wait_until(pool, [](const Status& status) {
    return status.start_failures == 1 && status.queue_depth == 1;
  }));
  EXPECT_THAT(explain(pool.diagnose()),
              AllOf(HasSubstr("no worker is alive; 1 starts in a row have failed"),
                    HasSubstr("exited with status 9"), HasSubstr("the next is tried in")));
  stop.request_stop();
}

TEST(Diagnosis, OnceEverybodyIsTurnedAwayForFailingStartsThatIsNamed) {
  Options options = mock_options(1, {"--start-fail", "always"});
  options.await_ready = AwaitReady::none;
  options.start_failures_max = 1;
  Pool pool = must_start(options);
  EXPECT_TRUE(wait_until(pool, [](const Status& status) { return status.start_circuit_open; }));
  EXPECT_THAT(explain(pool.diagnose()),
              AllOf(HasSubstr("workers_unavailable"), HasSubstr("no worker is alive, and ")));
}

TEST(Diagnosis, APausedPoolIsNamedBeforeAllElse) {
  Stall stall{mock_options(1), "hang"};
  ASSERT_TRUE(stall.pool.pause());
  stall.another_waits();
  EXPECT_THAT(explain(stall.pool.diagnose()), HasSubstr("the pool is paused"));
}

TEST(Diagnosis, ShowsWhoHasWhatWhoWaitsAndWhichTimersAreDueButNoPayload) {
  Stall stall{mock_options(1), "hang"};
  stall.another_waits({.label = "night"});
  const Diagnosis seen = await_frame(stall.pool, "in hang");
  ASSERT_EQ(seen.workers.size(), 1U);
  ASSERT_TRUE(seen.workers[0].request);
  EXPECT_EQ(seen.workers[0].request->command, "hang");
  EXPECT_EQ(seen.workers[0].request->state, "running");
  ASSERT_EQ(seen.queue.size(), 1U);
  EXPECT_EQ(seen.queue[0].label, "night");
  EXPECT_TRUE(seen.queue[0].deadline_in);
  bool deadline_due = false;
  for (const TimerSight& timer : seen.timers) {
    deadline_due |= timer.timer == "queue_deadline" && timer.request == 2;
  }
  EXPECT_TRUE(deadline_due);
  EXPECT_THAT(seen.workers[0].stacks, HasSubstr("in hang"));
}

TEST(Diagnosis, OfAnIdlePoolSaysSo) {
  Pool pool = must_start(mock_options(2));
  EXPECT_EQ(explain(pool.diagnose()), "nobody waits: 2 workers are idle");
  const Diagnosis one = pool.diagnose({.worker = 2});
  ASSERT_EQ(one.workers.size(), 1U);
  EXPECT_THAT(one.workers[0].stacks, HasSubstr("in <module>")) << one.workers[0].no_stacks;
  expect_whole(pool);
}

}  // namespace
}  // namespace ordeal::pool
