// How workers end, and what is learnt of it.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "pool/process/tests/support.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool::process {
namespace {

using std::chrono::milliseconds;

class Reap : public ProcessTest {};

// Sets the disposition of SIGCHLD for one scope.
class ChildSignal {
 public:
  ChildSignal(sighandler_t handler, int flags) {
    struct sigaction action {};
    action.sa_handler = handler;
    action.sa_flags = flags;
    ::sigaction(SIGCHLD, &action, &before_);
  }
  ChildSignal(const ChildSignal&) = delete;
  ChildSignal& operator=(const ChildSignal&) = delete;
  ~ChildSignal() { ::sigaction(SIGCHLD, &before_, nullptr); }

 private:
  struct sigaction before_ {};
};

// A worker that has said its grandchild's pid, and the grandchild. Both ignore SIGTERM and hang.
struct Family {
  WorkerProcess worker;
  FileDescriptor grandchild;
};
[[nodiscard]] Family start_family(const std::string& then) {
  WorkerProcess worker =
      must_spawn(shell("trap '' TERM; tail -f /dev/null >/dev/null & echo $!; read gate; " + then));
  FileDescriptor grandchild = open_pidfd(std::stoi(read_line(worker.pipes().from_worker.get())));
  return {std::move(worker), std::move(grandchild)};
}

// Another process that traces this one, and never asks what became of it.
class IdleTracer {
 public:
  explicit IdleTracer(int pid) {
    EXPECT_EQ(::pipe2(says_, O_CLOEXEC), 0);
    tracer_ = ::fork();
    if (tracer_ == 0) {
      const char traces = ::ptrace(PTRACE_SEIZE, pid, nullptr, nullptr) == 0 ? 'y' : 'n';
      (void)!::write(says_[1], &traces, 1);
      for (;;) ::pause();
    }
    char traces = 'n';
    EXPECT_EQ(::read(says_[0], &traces, 1), 1);
    is_permitted_ = traces == 'y';
  }
  IdleTracer(const IdleTracer&) = delete;
  IdleTracer& operator=(const IdleTracer&) = delete;
  ~IdleTracer() { end(); }
  [[nodiscard]] bool is_permitted() const { return is_permitted_; }
  void end() {
    if (tracer_ <= 0) return;
    ::kill(tracer_, SIGKILL);
    (void)::waitpid(tracer_, nullptr, 0);
    tracer_ = 0;
    ::close(says_[0]);
    ::close(says_[1]);
  }

 private:
  int says_[2] = {-1, -1};
  pid_t tracer_ = 0;
  bool is_permitted_ = false;
};

TEST_F(Reap, WhomADebuggerHoldsIsDeadAllTheSame) {
  cites_bug_class(3);
  std::optional<WorkerProcess> worker(must_spawn(shell("echo up; read gate")));
  EXPECT_EQ(read_line(worker->pipes().from_worker.get()), "up");
  IdleTracer tracer(worker->pid());
  if (!tracer.is_permitted()) GTEST_SKIP() << "this machine permits tracing by ancestors alone";
  EXPECT_EQ(worker->signal_group(SIGKILL), SignalOutcome::sent);
  const ExitStatus status = must_reap(*worker);
  EXPECT_FALSE(status.known);
  EXPECT_TRUE(worker->is_reaped());
  const int pid = worker->pid();
  EXPECT_EQ(::kill(pid, 0), 0) << "it is a zombie, held";
  tracer.end();
  worker.reset();
  EXPECT_EQ(::kill(pid, 0), -1) << "nobody has reaped it";
}

TEST_F(Reap, KnowsTheExitCode) {
  cites_bug_class(3);
  for (const int code : {0, 1, 3, 127, 255}) {
    WorkerProcess worker = must_spawn(shell(fmt::format("exit {}", code)));
    const ExitStatus status = must_reap(worker);
    EXPECT_TRUE(status.known);
    EXPECT_EQ(status.exit_code, code);
    EXPECT_EQ(status.signal, std::nullopt);
    EXPECT_FALSE(status.core_dumped);
  }
}

TEST_F(Reap, KnowsTheSignal) {
  cites_bug_class(3);
  for (const int signal : {SIGKILL, SIGTERM, SIGSEGV, SIGUSR1, SIGPIPE, SIGHUP}) {
    WorkerProcess worker = must_spawn(shell("ulimit -c 0; echo up; read gate"));
    EXPECT_EQ(read_line(worker.pipes().from_worker.get()), "up");
    EXPECT_EQ(worker.try_reap(), std::nullopt) << "it lives";
    EXPECT_EQ(worker.signal_leader(signal), SignalOutcome::sent);
    const ExitStatus status = must_reap(worker);
    EXPECT_EQ(status.signal, signal);
    EXPECT_EQ(status.exit_code, std::nullopt);
    EXPECT_FALSE(status.core_dumped);
  }
}

TEST_F(Reap, KnowsThatACoreWasDumped) {
  std::string directory = ::testing::TempDir() + "ordeal_core_XXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  SpawnRequest request = shell("ulimit -c unlimited || exit 77; kill -QUIT $$");
  request.working_directory = directory;
  WorkerProcess worker = must_spawn(request);
  const ExitStatus status = must_reap(worker);
  std::filesystem::remove_all(directory);
  if (status.exit_code == 77) GTEST_SKIP() << "this machine's hard limit forbids cores";
  EXPECT_EQ(status.signal, SIGQUIT);
  EXPECT_TRUE(status.core_dumped);
}

TEST_F(Reap, SaysTheSameWhenAskedAgain) {
  WorkerProcess worker = must_spawn(shell("exit 7"));
  (void)must_reap(worker);
  EXPECT_TRUE(worker.is_reaped());
  EXPECT_EQ(worker.try_reap()->exit_code, 7);
  WorkerProcess moved = std::move(worker);
  EXPECT_EQ(moved.try_reap()->exit_code, 7);
  EXPECT_EQ(worker.try_reap(), std::nullopt);  // NOLINT: moved from on purpose
}

// Makes this process' peak its present size again (proc(5)), whatever tests ran before.
void forget_own_peak() { std::ofstream("/proc/self/clear_refs") << "5"; }

TEST_F(Reap, KnowsThePeakMemory) {
  forget_own_peak();
  // 64 MiB touched and given back: the peak, not what is left at the end.
  WorkerProcess worker = must_spawn(python("x = bytearray(64 << 20); x = None"));
  const std::int64_t peak_rss_kib = must_reap(worker).peak_rss_kib;
  EXPECT_GT(peak_rss_kib, 64 * 1024);
  EXPECT_LT(peak_rss_kib, 128 * 1024);
}

// exec hands the host's own peak on to the child; it must not be taken for the worker's.
TEST_F(Reap, DoesNotTakeTheHostsMemoryForTheWorkers) {
  cites_bug_class(19);
  constexpr std::size_t bytes = 256 << 20;
  void* large = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  ASSERT_NE(large, MAP_FAILED);
  WorkerProcess unseen = must_spawn(shell("true"));
  EXPECT_EQ(must_reap(unseen).peak_rss_kib, -1);

  WorkerProcess sampled = must_spawn(shell("echo up; read gate"));
  EXPECT_EQ(read_line(sampled.pipes().from_worker.get()), "up");
  const std::optional<MemorySample> sample = sampled.sample_memory();
  ASSERT_TRUE(sample);
  EXPECT_GT(sample->rss_kib, 100);
  EXPECT_LT(sample->rss_kib, 32 * 1024);
  (void)sampled.signal_group(SIGKILL);
  EXPECT_EQ(must_reap(sampled).peak_rss_kib, sample->peak_rss_kib);
  EXPECT_EQ(sampled.sample_memory(), std::nullopt);
  ::munmap(large, bytes);
}

TEST_F(Reap, WorksWithSigchldIgnored) {
  cites_bug_class(7);
  for (const auto& [handler, flags] : {std::pair{SIG_IGN, 0}, std::pair{SIG_DFL, SA_NOCLDWAIT}}) {
    const ChildSignal ignored(handler, flags);
    WorkerProcess worker = must_spawn(shell("exit 3"));
    const ExitStatus status = must_reap(worker);
    EXPECT_FALSE(status.known);
    EXPECT_EQ(status.exit_code, std::nullopt);
    EXPECT_EQ(status.signal, std::nullopt);
    EXPECT_EQ(worker.signal_group(SIGKILL), SignalOutcome::nobody);
    WorkerProcess killed = must_spawn(shell("read gate"));
    EXPECT_EQ(killed.signal_group(SIGKILL), SignalOutcome::sent);
    EXPECT_FALSE(must_reap(killed).known);
    SpawnRequest failing;
    failing.command = {"/no/such/program"};
    EXPECT_EQ(spawn(failing).error().message,
              "spawn of /no/such/program failed at execve: ENOENT (No such file or directory)");
  }
}

TEST_F(Reap, WorksWhereTheHostReapsEverything) {
  cites_bug_class(7);
  WorkerProcess worker = must_spawn(shell("exit 3"));
  int status = 0;
  EXPECT_EQ(::waitpid(-1, &status, 0), worker.pid());
  EXPECT_TRUE(WIFEXITED(status));
  const ExitStatus known = must_reap(worker);
  EXPECT_FALSE(known.known);
  EXPECT_EQ(known.exit_code, std::nullopt);
}

// A child that fails before exec is invisible to a host's waitpid(-1): it would be a puzzle.
TEST_F(Reap, AFailedSpawnIsNoChildOfTheHosts) {
  cites(2, 52);
  static volatile sig_atomic_t child_signals = 0;
  child_signals = 0;
  const ChildSignal counted([](int) { child_signals = child_signals + 1; }, 0);
  SpawnRequest failing;
  failing.command = {"/no/such/program"};
  EXPECT_FALSE(spawn(failing));
  EXPECT_EQ(child_signals, 0);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST_F(Reap, KillsGrandchildrenWithTheGroup) {
  cites(2, 52);
  Family family = start_family("read more");
  EXPECT_EQ(family.worker.signal_group(SIGTERM), SignalOutcome::sent);
  EXPECT_TRUE(is_alive(family.worker.pidfd()));
  EXPECT_EQ(family.worker.signal_group(SIGKILL), SignalOutcome::sent);
  EXPECT_EQ(must_reap(family.worker).signal, SIGKILL);
  EXPECT_TRUE(becomes_readable(family.grandchild.get()));
}

TEST_F(Reap, KillsGrandchildrenOfAWorkerThatEndedByItself) {
  cites(2, 52);
  Family family = start_family("exit 5");
  write_all(family.worker.pipes().to_worker.get(), "\n");
  EXPECT_TRUE(becomes_readable(family.worker.pidfd()));
  EXPECT_TRUE(is_alive(family.grandchild.get()));
  EXPECT_EQ(must_reap(family.worker).exit_code, 5);
  EXPECT_TRUE(becomes_readable(family.grandchild.get()));
}

TEST_F(Reap, KillsGrandchildrenAlsoWhenSomebodyElseReapedTheWorker) {
  cites(2, 52);
  const ChildSignal ignored(SIG_IGN, 0);
  Family family = start_family("exit 5");
  write_all(family.worker.pipes().to_worker.get(), "\n");
  EXPECT_TRUE(becomes_readable(family.worker.pidfd()));
  EXPECT_FALSE(must_reap(family.worker).known);
  EXPECT_TRUE(becomes_readable(family.grandchild.get()));
}

TEST_F(Reap, DestructionKillsTheGroupAndReaps) {
  cites(2, 52);
  FileDescriptor leader, grandchild;
  {
    Family family = start_family("read more");
    leader = open_pidfd(family.worker.pid());
    grandchild = std::move(family.grandchild);
  }
  EXPECT_FALSE(is_alive(leader.get()));
  EXPECT_TRUE(becomes_readable(grandchild.get()));
}

TEST_F(Reap, AssignmentEndsTheOneThatWasThere) {
  cites(2, 52);
  WorkerProcess worker = must_spawn(shell("read gate"));
  const FileDescriptor first = open_pidfd(worker.pid());
  worker = must_spawn(shell("exit 9"));
  EXPECT_FALSE(is_alive(first.get()));
  EXPECT_EQ(must_reap(worker).exit_code, 9);
}

TEST_F(Reap, TheEndOfTheSpawningThreadKillsNothing) {
  cites_bug_class(6);
  std::optional<WorkerProcess> worker;
  std::thread([&worker] { worker = must_spawn(shell("read line; echo $line")); }).join();
  ASSERT_TRUE(worker);
  EXPECT_TRUE(is_alive(worker->pidfd()));
  write_all(worker->pipes().to_worker.get(), "still here\n");
  EXPECT_EQ(read_all(worker->pipes().from_worker.get()), "still here\n");
  EXPECT_EQ(must_reap(*worker).exit_code, 0);
}

TEST_F(Reap, AForkedCopyOfTheHostCanDoNothing) {
  cites_bug_class(6);
  WorkerProcess worker = must_spawn(shell("read gate"));
  const int copy = ::fork();
  if (copy == 0) {
    bool good = worker.in_forked_child() && worker.signal_group(SIGKILL) == SignalOutcome::refused;
    good = good && worker.signal_leader(SIGKILL) == SignalOutcome::refused;
    good = good && worker.try_reap() == std::nullopt;
    { const WorkerProcess ended_here = std::move(worker); }
    ::_exit(good ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(copy, &status, 0), copy);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(is_alive(worker.pidfd()));
}

TEST_F(Reap, ManyThreadsSpawnAtOnceAndNothingIsMixedUp) {
  constexpr int thread_count = 4;
  constexpr int spawns = 20;
  std::vector<std::thread> threads;
  std::array<std::string, thread_count> wrong;
  for (int number = 0; number < thread_count; ++number) {
    threads.emplace_back([number, &wrong] {
      for (int round = 0; round < spawns; ++round) {
        const int code = number * spawns + round;
        WorkerProcess worker = must_spawn(
            shell(fmt::format("echo {}; ls /proc/self/fd | wc -l; exit {}", code, code)));
        const std::string text = read_all(worker.pipes().from_worker.get());
        const ExitStatus status = must_reap(worker);
        // 0 to 3, and the directory: nothing of the other threads' workers.
        if (text != fmt::format("{}\n5\n", code)) wrong[number] += text;
        if (status.exit_code != code) wrong[number] += fmt::format("exit of {}\n", code);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& text : wrong) EXPECT_EQ(text, "");
}

}  // namespace
}  // namespace ordeal::pool::process
