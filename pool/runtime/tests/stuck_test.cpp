// Busy told from stuck, with real processes: who computes or waits is left alone, who cannot go on
// is found within two intervals and says in its certificate where it stood; likewise of starts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>

#include "pool/runtime/tests/support.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool {
namespace {

using ::testing::HasSubstr;

constexpr milliseconds interval{200};
// Long enough that even a loaded machine lets a report or a heartbeat through in each.
constexpr milliseconds patient_interval{400};

Options watched(std::uint32_t size, const std::vector<std::string>& arguments = {}) {
  Options options = script_options(size, TESTS_FOLDER "/stall_bridge.py", arguments);
  options.environment["PYTHON_MOCK"] = PYTHON_MOCK;
  options.worker_kind = WorkerKind::enhanced;
  options.health_interval = interval;
  options.health_timeout = patience;
  options.stack_grace = 2s;  // ends with the stacks; a loaded machine may need some of it
  return options;
}

// A call that does not return by itself.
struct Hang {
  Hang(const Options& options, const std::string& command)
      : pool(must_start(options)),
        stuck(pool, "worker_stuck"),
        looks(pool, "health_probe_ended"),
        caller(pool, command, Json::object(), {.deadline = 60s, .stop_token = stop.get_token()}) {
    EXPECT_TRUE(wait_until(pool, [](const Status& status) { return status.busy == 1; }));
  }
  ~Hang() { stop.request_stop(); }
  // What the worker died of, as its caller has learnt it.
  DeathCertificate certificate() {
    const Result<Reply>& result = caller.join();
    EXPECT_EQ(code_of(result), ErrorCode::worker_died);
    if (result || !result.error().certificate) return {};
    EXPECT_THAT(result.error().certificate->kill_reason, HasSubstr("stuck"));
    return *result.error().certificate;
  }
  std::stop_source stop;
  Pool pool;
  EventsOf stuck;
  EventsOf looks;  // at the idle neighbour: as often as at the busy one
  Caller caller;
};

TEST(Stuck, ALoopThatComputesIsLeftAloneHoweverLongItTakes) {
  cites_bug_class(10);
  Hang hang{watched(2), "gil_loop"};
  ASSERT_TRUE(hang.looks.reaches(4));
  const Status status = hang.pool.status();
  EXPECT_EQ(status.busy, 1U);
  EXPECT_EQ(status.workers_lost, 0U);
  // With no processor to be had, a heartbeat may fail.
  for (const std::string& reason : hang.stuck.reasons()) EXPECT_EQ(reason, "silent");
}

TEST(Stuck, ACycleOfLocksIsFoundAndItsStacksAreInTheCertificate) {
  cites_bug_class(10);
  Options options = watched(1);
  options.health_interval = 500ms;  // what is measured here must not be the machine's load
  Hang hang{options, "lock_cycle"};
  const auto begun = steady_clock::now();
  ASSERT_TRUE(hang.stuck.reaches(1));
  EXPECT_LE(steady_clock::now() - begun, 2 * *options.health_interval + 300ms)
      << "two intervals, and the time until it got there";
  EXPECT_EQ(hang.stuck.reasons().front(), "locked");
  const DeathCertificate certificate = hang.certificate();
  EXPECT_THAT(certificate.stack_dump, HasSubstr("in take_both"));
  EXPECT_THAT(certificate.stack_dump, HasSubstr("in <module>"));
  EXPECT_GT(certificate.request_in_hand, 0U);
  expect_whole(hang.pool);
  const Diagnosis seen = hang.pool.diagnose({.stacks = false});
  ASSERT_EQ(seen.deaths.size(), 1U);
  EXPECT_THAT(seen.deaths[0].stack_dump, HasSubstr("in take_both"));
  EXPECT_EQ(seen.deaths[0].stderr_tail, "") << "which is the caller's alone";
  EXPECT_EQ(seen.deaths[0].retired_for, "") << "it was not recycled";
}

TEST(Stuck, APlainWorkerInACycleOfLocksIsFoundToo) {
  cites_bug_class(10);
  Hang hang{watched(1, {"--protocol", "none"}), "lock_cycle"};
  ASSERT_TRUE(hang.stuck.reaches(1));
  EXPECT_EQ(hang.stuck.reasons().front(), "locked");
  EXPECT_THAT(hang.certificate().stack_dump, HasSubstr("in take_both"));
}

TEST(Stuck, AStoppedProcessIsFoundAndLetGoForAMomentToSayWhereItStood) {
  cites_bug_class(10);
  Hang hang{watched(2), "gil_loop"};
  int pid = 0;  // of the worker that has got as far as its loop
  for (int i = 0; i < 1000 && pid == 0; ++i) {
    for (const WorkerSight& worker : hang.pool.diagnose().workers) {
      if (worker.stacks.find("compute_for_ever") != std::string::npos) pid = worker.pid;
    }
  }
  ASSERT_EQ(kill(pid, SIGSTOP), 0);
  std::string found;
  for (std::uint64_t count = 1; found != "stopped"; ++count) {
    ASSERT_TRUE(hang.stuck.reaches(count)) << "after " << found;
    found = hang.stuck.reasons().at(count - 1);
    // With no processor to be had, a heartbeat may have failed before.
    ASSERT_TRUE(found == "stopped" || found == "silent") << found;
  }
  EXPECT_THAT(hang.certificate().stack_dump, HasSubstr("in compute_for_ever"));
}

TEST(Stuck, CodeThatKeepsTheGilIsFoundAndLeftToItsDeadline) {
  cites_bug_class(10);
  Hang hang{watched(1), "gil_in_c"};
  ASSERT_TRUE(hang.stuck.reaches(1));
  EXPECT_EQ(hang.stuck.reasons().front(), "silent");
  const Status status = hang.pool.status();
  EXPECT_EQ(status.workers.at(0).stuck, "silent");
  EXPECT_EQ(status.workers.at(0).state, "busy");
  EXPECT_EQ(status.workers_stuck, 1U);
  EXPECT_THAT(explain(hang.pool.diagnose()), HasSubstr("its heartbeat has stopped"));
}

TEST(Stuck, CodeThatKeepsTheGilIsKilledIfThatIsAskedForAndItsStacksAreThere) {
  cites_bug_class(10);
  Options options = watched(1);
  options.stuck_kill = StuckKill::silent;
  Hang hang{options, "gil_in_c"};
  EXPECT_THAT(hang.certificate().stack_dump, HasSubstr("in gil_in_c"));
  expect_whole(hang.pool);
}

TEST(Stuck, WhoReportsProgressIsBusy) {
  cites_bug_class(10);
  Options options = watched(2);
  options.health_interval = patient_interval;
  options.stuck_kill = StuckKill::silent;
  Hang hang{options, "reports"};
  ASSERT_TRUE(hang.looks.reaches(3));
  EXPECT_EQ(hang.stuck.count(), 0U);
  EXPECT_TRUE(wait_until(hang.pool, [](const Status& status) {
    for (const WorkerStatus& worker : status.workers) {
      if (worker.last_progress.find("getting on") != std::string::npos) return true;
    }
    return false;
  }));
}

TEST(Stuck, ACallThatTimesOutLeavesTheStacksOfItsWorker) {
  cites_bug_class(10);
  Options options = watched(1);
  options.health_interval = 0ms;  // has nothing to do with health checks
  options.quarantine_grace = 0ms;
  Pool pool = must_start(options);
  EXPECT_EQ(code_of(pool.call("gil_loop", Json::object(), {.deadline = 200ms})),
            ErrorCode::call_timeout);
  ASSERT_TRUE(wait_until(pool, [](const Status& status) { return is_whole(status); }));
  const Diagnosis seen = pool.diagnose({.stacks = false});
  ASSERT_EQ(seen.deaths.size(), 1U);
  EXPECT_THAT(seen.deaths[0].stack_dump, HasSubstr("in compute_for_ever"));
}

TEST(SlowStart, ThatReportsProgressIsNotGivenUp) {
  cites_bug_class(10);
  Options options = watched(1, {"slow-import"});
  options.start_timeout = 500ms;  // of an import of 800 ms
  options.start_failures_max = 1000;
  const Pool pool = must_start(options);
  EXPECT_GE(pool.status().workers.at(0).age, 800ms);
}

TEST(SlowStart, ThatHangsInAnImportIsGivenUpAndSaysWhere) {
  cites_bug_class(9, 10);
  Options options = watched(1, {"hung-import"});
  options.start_timeout = 900ms;
  options.start_failures_max = 1;
  const auto pool = Pool::start(recorded(options));
  ASSERT_FALSE(pool);
  EXPECT_EQ(pool.error().code, ErrorCode::start_timeout);
  ASSERT_TRUE(pool.error().certificate);
  EXPECT_THAT(pool.error().certificate->stack_dump, HasSubstr("stall_bridge.py"));
}

TEST(SlowStart, ReadyWorkersAreNotGivenUpSinceTheHostItselfWasHeldUp) {
  cites(8);
  Options options = mock_options(3, {"--start-delay-ms", "200"});
  options.start_timeout = 800ms;
  options.await_ready = AwaitReady::none;
  Pool pool = must_start(options);
  const auto all_spawned = [](const Status& status) {
    return status.workers.size() == 3 &&
           std::all_of(status.workers.begin(), status.workers.end(),
                       [](const WorkerStatus& worker) { return worker.pid > 0; });
  };
  const auto limit = steady_clock::now() + patience;  // no event tells of a process
  while (!all_spawned(pool.status()) && steady_clock::now() < limit) {
  }
  const std::string parent = std::to_string(getpid());
  std::string python = TEST_PYTHON;
  std::string script = TESTS_FOLDER "/stall_host.py";
  std::string seconds = "0.9";
  std::string count = "3";
  std::string own = parent;
  std::array<char*, 6> arguments{python.data(),  script.data(), own.data(),
                                 seconds.data(), count.data(),  nullptr};
  pid_t helper = 0;
  ASSERT_EQ(posix_spawn(&helper, python.c_str(), nullptr, nullptr, arguments.data(), environ), 0);
  int status = 0;
  ASSERT_EQ(waitpid(helper, &status, 0), helper);
  expect_whole(pool);
  EXPECT_EQ(pool.status().start_failures, 0U);
}

}  // namespace
}  // namespace ordeal::pool
