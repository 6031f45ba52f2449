// The pool as a guest in somebody's process: signals, children, forks, threads (issue 3, point 6).
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "pool/process/file_descriptor.hpp"
#include "pool/runtime/tests/support.hpp"
#include "testing/cites/cites.hpp"
#include "testing/leaks/process_table.hpp"

namespace ordeal::pool {
namespace {

using ::testing::HasSubstr;

// A disposition for as long as this lives.
class Disposition {
 public:
  Disposition(int signal, void (*handler)(int)) : signal_(signal) {
    struct sigaction wanted {};
    wanted.sa_handler = handler;
    sigaction(signal, &wanted, &before_);
  }
  ~Disposition() { sigaction(signal_, &before_, nullptr); }
  Disposition(const Disposition&) = delete;
  Disposition& operator=(const Disposition&) = delete;

 private:
  int signal_;
  struct sigaction before_ {};
};

// Every disposition and the calling thread's mask, as text.
std::string signal_setup() {
  std::string text;
  for (int signal = 1; signal < NSIG; ++signal) {
    struct sigaction action {};
    if (sigaction(signal, nullptr, &action) != 0) continue;
    sigset_t mask{};
    sigset_t* const none = nullptr;
    pthread_sigmask(SIG_BLOCK, none, &mask);
    text += fmt::format("{}:{}:{}:{} ", signal, reinterpret_cast<std::uintptr_t>(action.sa_handler),
                        action.sa_flags, sigismember(&mask, signal));
  }
  return text;
}

void crash_and_recover(Pool& pool) {
  const auto crashed = pool.call("crash", Json{{"exit_code", 5}}, {.deadline = patience});
  EXPECT_EQ(code_of(crashed), ErrorCode::worker_died) << describe(crashed);
  ASSERT_FALSE(crashed);
  ASSERT_NE(crashed.error().certificate, nullptr);
  if (crashed.error().certificate->status_known) {
    EXPECT_EQ(crashed.error().certificate->exit_code, 5);
  } else {
    EXPECT_THAT(crashed.error().certificate->summary(), HasSubstr("status unknown"));
  }
  expect_whole(pool);
}

TEST(Guest, WorksWithSigchldIgnoredAndSaysThatTheStatusIsUnknown) {
  cites_bug_class(7);
  const Disposition ignored{SIGCHLD, SIG_IGN};
  Pool pool = must_start(mock_options(2));
  const auto crashed = pool.call("crash", Json{{"exit_code", 5}}, {.deadline = patience});
  ASSERT_EQ(code_of(crashed), ErrorCode::worker_died) << describe(crashed);
  ASSERT_NE(crashed.error().certificate, nullptr);
  EXPECT_FALSE(crashed.error().certificate->status_known);
  crash_and_recover(pool);
  EXPECT_TRUE(pool.stop(patience));
}

TEST(Guest, SurvivesSigpipeAtDefault) {
  const Disposition standard{SIGPIPE, SIG_DFL};
  Options options = mock_options(1);
  Pool pool = must_start(options);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(pool.call("close_stdin", Json::object(), {.deadline = patience}));
    // A large request to a worker without an ear: the pipe fills, or breaks.
    (void)pool.call("echo", Json{{"text", std::string(1U << 20U, 'x')}}, {.deadline = 50ms});
    crash_and_recover(pool);
  }
}

TEST(Guest, WorksWhileTheHostReapsEveryChildItSees) {
  cites_bug_class(7);
  Pool pool = must_start(mock_options(2));
  std::thread reaper{[] {
    while (waitpid(-1, nullptr, __WALL) > 0) {  // until there is no child left, after the stop
    }
  }};
  for (int i = 0; i < 5; ++i) crash_and_recover(pool);
  EXPECT_TRUE(pool.stop(patience));
  reaper.join();
}

TEST(Guest, IsUnusableInAForkAndItsEndThereKillsNothing) {
  cites_bug_class(6);
  Pool pool = must_start(mock_options(2));
  const auto workers = serials(pool.status());
  Caller running{pool, "sleep", Json{{"ms", 150}}, {.deadline = patience}};
  EXPECT_TRUE(wait_until(pool, [](const Status& status) { return status.running == 1; }));
  auto lease = pool.checkout({.deadline = patience});
  ASSERT_TRUE(lease);
  const auto ticket = pool.call_async("sleep", JsonText{R"({"ms":100})"}, {}, nullptr);
  const pid_t child = fork();
  if (child == 0) {
    int wrong = 0;
    const auto is_refused = [](const auto& result) {
      return !result && result.error().code == ErrorCode::used_after_fork;
    };
    if (!is_refused(pool.call("echo", Json::object(), {}))) wrong |= 1;
    if (!is_refused(pool.call_async("echo", JsonText{"{}"}, {}, nullptr))) wrong |= 2;
    if (!is_refused(pool.checkout({}))) wrong |= 4;
    if (!is_refused(pool.stop(0ms))) wrong |= 8;
    if (!is_refused(lease->call("echo", Json::object(), {}))) wrong |= 16;
    (void)pool.status();
    ticket->cancel();
    lease->release();
    { const Pool gone = std::move(pool); }
    _exit(wrong);
  }
  ASSERT_GT(child, 0);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_TRUE(running.join()) << describe(running.join());
  EXPECT_TRUE(lease->call("echo", Json::object(), {.deadline = patience}));
  lease->release();
  expect_whole(pool);
  EXPECT_EQ(serials(pool.status()), workers);
}

TEST(Guest, TwoPoolsInOneProcessShareNothing) {
  Pool first = must_start(mock_options(1));
  {
    Pool second = must_start(mock_options(1));
    EXPECT_NE(first.status().workers.at(0).pid, second.status().workers.at(0).pid);
    EXPECT_NE(first.status().warden_pid, second.status().warden_pid);
    // A callback of one may block on the other.
    Signal called_back;
    ASSERT_TRUE(first.call_async("echo", JsonText{"{}"}, {}, [&](const Result<Reply>&) {
      EXPECT_TRUE(echoes(second, {.deadline = patience}));
      called_back.set();
    }));
    EXPECT_TRUE(called_back.wait());
    crash_and_recover(second);
    EXPECT_TRUE(second.stop(0ms));
    EXPECT_EQ(code_of(second.call("echo", Json::object(), {})), ErrorCode::pool_stopping);
  }
  EXPECT_EQ(first.status().workers_lost, 0U);
  expect_whole(first);
}

TEST(Guest, OutlivesTheThreadThatMadeIt) {
  cites_bug_class(6);
  std::optional<Pool> pool;
  std::thread{[&] { pool.emplace(must_start(mock_options(2))); }}.join();
  const auto workers = serials(pool->status());
  expect_whole(*pool);
  EXPECT_EQ(serials(pool->status()), workers);
  EXPECT_EQ(pool->status().workers_lost, 0U);
  EXPECT_EQ(pool->status().warden_restarts, 0U);
}

TEST(Guest, ChangesNoDispositionAndNoMaskAndBlocksAllSignalsInItsThreads) {
  const std::string before = signal_setup();
  std::set<int> threads_before;
  for (const auto& thread : trial::threads_of_this_process()) threads_before.insert(thread.id);
  Pool pool = must_start(mock_options(1));
  crash_and_recover(pool);
  EXPECT_EQ(signal_setup(), before);
  int seen = 0;
  for (const auto& thread : trial::threads_of_this_process()) {
    if (threads_before.contains(thread.id)) continue;
    ++seen;
    const std::string status =
        trial::read_proc(fmt::format("/proc/self/task/{}/status", thread.id));
    // All but SIGKILL, SIGSTOP and the two that the C library keeps for itself.
    EXPECT_THAT(status, HasSubstr("SigBlk:\tfffffffe7ffbfeff")) << thread.name;
  }
  EXPECT_EQ(seen, 2) << "one housekeeper, one callback thread";
  EXPECT_TRUE(pool.stop(0ms));
  EXPECT_EQ(signal_setup(), before);
}

TEST(Guest, AWardenThatIsKilledIsReplacedAndNobodyNotices) {
  cites_bug_class(6);
  Pool pool = must_start(mock_options(2));
  const int warden = pool.status().warden_pid;
  Signal told;
  const Subscription watch = pool.subscribe([&](const PoolEvent& event) {
    if (event.what == event_names::warden_restarted && event.count == 1) told.set();
  });
  kill(warden, SIGKILL);
  // The next start tells: no worker starts without a warden.
  crash_and_recover(pool);
  EXPECT_NE(pool.status().warden_pid, warden);
  EXPECT_EQ(pool.status().warden_restarts, 1U);
  EXPECT_TRUE(told.wait()) << "and says so";
  EXPECT_EQ(pool.status().workers_lost, 1U) << "only the one that crashed";
}

// The warden keeps a descriptor of each process that it guards, and two of its own.
std::size_t descriptors_of(int pid) {
  const std::filesystem::directory_iterator all{fmt::format("/proc/{}/fd", pid)};
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

TEST(Guest, TheWardenKnowsTheLivingAndForgetsTheDead) {
  cites(2);
  for (const bool with_spares : {false, true}) {
    SCOPED_TRACE(with_spares);
    Options options = mock_options(2);
    if (with_spares) {
      options = forked(options);
      options.warm_spares = 2;
    }
    Pool pool = must_start(options);
    const auto guarded = [&] { return descriptors_of(pool.status().warden_pid); };
    // It hears of starts and deaths a moment after the pool's status has told of them.
    const auto comes_to = [&](std::size_t count) {
      return wait_until(pool, [&](const Status&) {
        (void)pool.call("echo", Json::object(), {.deadline = patience});  // an event, to look again
        return guarded() == count;
      });
    };
    const std::size_t all =
        2 + 2 + (with_spares ? 2 + 1 : 0);  // its own, workers; spares, template
    EXPECT_TRUE(comes_to(all)) << guarded();
    for (int i = 0; i < 3; ++i) {
      (void)pool.call("crash", Json::object(), {.deadline = patience});
      expect_whole(pool);
    }
    EXPECT_TRUE(comes_to(all)) << guarded() << " after deaths";
    const int before = pool.status().warden_pid;
    kill(before, SIGKILL);
    EXPECT_TRUE(wait_until(pool, [&](const Status& status) {
      (void)pool.call("echo", Json::object(), {.deadline = patience});
      return status.warden_pid != before;
    }));
    EXPECT_TRUE(comes_to(all)) << guarded() << " after its own end";
  }
}

}  // namespace
}  // namespace ordeal::pool
