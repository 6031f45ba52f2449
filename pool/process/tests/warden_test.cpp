// The warden seen from its host, while the host lives. That it kills when the host is gone:
// host_kill_test.cpp.
#include "pool/process/warden.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "pool/process/tests/reused_pid.hpp"
#include "pool/process/tests/support.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool::process {
namespace {

using std::chrono::milliseconds;

class WardenTest : public ProcessTest {};

[[nodiscard]] Warden must_start() {
  Result<Warden> warden = Warden::start();
  if (!warden) throw std::runtime_error(warden.error().message);
  return std::move(*warden);
}

[[nodiscard]] WorkerProcess guarded(const Warden& warden, const std::string& script) {
  SpawnRequest request = shell(script);
  request.lifeline = warden.lifeline();
  return must_spawn(request);
}

[[nodiscard]] Result<WorkerProcess> try_guarded(const Warden& warden, const std::string& script) {
  SpawnRequest request = shell(script);
  request.lifeline = warden.lifeline();
  return spawn(request);
}

[[nodiscard]] std::string first_line(const std::string& path) {
  std::string line;
  std::getline(std::ifstream(path), line);
  return line;
}

// The warden has read all that it was told: that many descriptors are open, its own two included.
[[nodiscard]] bool holds(const Warden& warden, std::size_t descriptors) {
  return eventually([&] { return descriptors_of(warden.pid()) == descriptors; }, warden.pidfd());
}

TEST_F(WardenTest, IsASessionOfItsOwnWithoutTheHostsDescriptors) {
  const FileDescriptor leaked(::open("/dev/null", O_RDONLY));  // not close-on-exec
  const Warden warden = must_start();
  const std::string proc = fmt::format("/proc/{}", warden.pid());
  EXPECT_TRUE(
      eventually([&] { return first_line(proc + "/comm") == "ordeal-warden"; }, warden.pidfd()));
  EXPECT_EQ(::getsid(warden.pid()), warden.pid());
  EXPECT_EQ(::getpgid(warden.pid()), warden.pid());
  EXPECT_TRUE(holds(warden, 2));
  EXPECT_EQ(first_line(proc + "/environ"), "");
  EXPECT_EQ(first_line(proc + "/oom_score_adj"), first_line("/proc/self/oom_score_adj"));
}

TEST_F(WardenTest, IsNotMovedBySignals) {
  const Warden warden = must_start();
  for (int signal = 1; signal <= SIGRTMAX; ++signal) {
    if (signal == SIGKILL || signal == SIGSTOP) continue;
    (void)::kill(warden.pid(), signal);
  }
  EXPECT_TRUE(holds(warden, 2));
  EXPECT_TRUE(is_alive(warden.pidfd()));
}

TEST_F(WardenTest, EndsWithItsHostSide) {
  cites_bug_class(6);
  FileDescriptor pidfd;
  {
    const Warden warden = must_start();
    pidfd = open_pidfd(warden.pid());
  }
  EXPECT_FALSE(is_alive(pidfd.get()));
}

TEST_F(WardenTest, KnowsAWorkerFromItsSpawnUntilItIsUnregistered) {
  cites_bug_class(6);
  Warden warden = must_start();
  EXPECT_TRUE(holds(warden, 2));
  WorkerProcess worker = guarded(warden, "read gate");
  EXPECT_TRUE(holds(warden, 3));
  ASSERT_TRUE(warden.unregister_group(worker.group()));
  EXPECT_TRUE(holds(warden, 2));
  ASSERT_TRUE(warden.unregister_group(worker.group())) << "once too often is harmless";
  ASSERT_TRUE(warden.register_group({worker.group(), worker.pidfd()}));
  EXPECT_TRUE(holds(warden, 3));
}

TEST_F(WardenTest, TakesRegisteredGroupsAlongAndNoOthers) {
  cites_bug_class(6);
  std::optional<Warden> warden(must_start());
  WorkerProcess registered = guarded(*warden, "read gate");
  WorkerProcess unregistered = guarded(*warden, "read gate");
  ASSERT_TRUE(warden->unregister_group(unregistered.group()));
  warden.reset();
  EXPECT_EQ(must_reap(registered).signal, SIGKILL);
  EXPECT_TRUE(is_alive(unregistered.pidfd()));
}

// 300 at once is more than the socket's buffer holds.
TEST_F(WardenTest, KeepsUpWithManyRegistrations) {
  Warden warden = must_start();
  WorkerProcess worker = guarded(warden, "read gate");
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(warden.register_group({worker.group(), worker.pidfd()}));
  }
  EXPECT_TRUE(holds(warden, 3 + 300));
  for (int i = 0; i < 301; ++i) ASSERT_TRUE(warden.unregister_group(worker.group()));
  EXPECT_TRUE(holds(warden, 2));
}

// Beyond its table it guards nothing, so it lets nothing run. The filler is numbers that no pid
// has.
TEST_F(WardenTest, KillsWhatItCannotGuard) {
  constexpr int groups_max = 16384;
  constexpr int beyond_all_pids = 1 << 23;
  Warden warden = must_start();
  WorkerProcess last = guarded(warden, "read gate");
  for (int i = 1; i < groups_max; ++i) {
    ASSERT_TRUE(warden.register_group({beyond_all_pids + i, -1}));
  }
  Result<WorkerProcess> too_many = try_guarded(warden, "read gate");
  if (too_many) {
    EXPECT_EQ(must_reap(*too_many).signal, SIGKILL);
  } else {  // it was faster than the exec
    EXPECT_EQ(too_many.error().code, ErrorCode::spawn_failed);
    EXPECT_NE(too_many.error().message.find("was killed by SIGKILL before execve"),
              std::string::npos);
  }
  EXPECT_TRUE(is_alive(last.pidfd()));
}

TEST_F(WardenTest, KillsWhatItHasNoDescriptorFor) {
  Warden warden = must_start();
  ASSERT_TRUE(eventually(
      [&] { return first_line(fmt::format("/proc/{}/comm", warden.pid())) == "ordeal-warden"; },
      warden.pidfd()));
  ASSERT_TRUE(holds(warden, 2));
  WorkerProcess first = guarded(warden, "read gate");
  ASSERT_TRUE(holds(warden, 3));
  const rlimit limit{3, 3};
  ASSERT_EQ(::prlimit(warden.pid(), RLIMIT_NOFILE, &limit, nullptr), 0);
  Result<WorkerProcess> second = try_guarded(warden, "read gate");
  if (second) {  // else it was killed before its exec
    EXPECT_EQ(must_reap(*second).signal, SIGKILL);
  }
  EXPECT_TRUE(is_alive(first.pidfd()));
}

TEST_F(WardenTest, GuardsAGroupThatItIsToldByNumber) {
  std::optional<Warden> warden(must_start());
  WorkerProcess alive = must_spawn(shell("read gate"));
  WorkerProcess dead = must_spawn(shell("tail -f /dev/null >/dev/null & echo $!"));
  const FileDescriptor left = open_pidfd(std::stoi(read_line(dead.pipes().from_worker.get())));
  ASSERT_TRUE(becomes_readable(dead.pidfd()));
  ASSERT_TRUE(warden->register_group({alive.group(), -1}));
  ASSERT_TRUE(warden->register_group({dead.group(), -1}));
  warden.reset();
  EXPECT_EQ(must_reap(alive).signal, SIGKILL);
  EXPECT_TRUE(becomes_readable(left.get()));
}

TEST_F(WardenTest, IgnoresRecordsThatAreNone) {
  Warden warden = must_start();
  ASSERT_EQ(::write(warden.lifeline(), "nonsense", 8), 8);
  ASSERT_EQ(::write(warden.lifeline(), "x", 1), 1);
  for (const int group : {0, 1, -1}) ASSERT_TRUE(warden.register_group({group, -1}));
  WorkerProcess worker = guarded(warden, "read gate");
  EXPECT_TRUE(holds(warden, 3));
}

TEST_F(WardenTest, ItsDeathIsNoticedAndDoesNotKillTheHostBySigpipe) {
  Warden warden = must_start();
  WorkerProcess worker = guarded(warden, "read gate");
  EXPECT_TRUE(holds(warden, 3));
  struct sigaction pipe_action {};
  ::sigaction(SIGPIPE, nullptr, &pipe_action);
  ASSERT_EQ(pipe_action.sa_handler, SIG_DFL) << "else this test tests nothing";
  ::kill(warden.pid(), SIGKILL);
  EXPECT_TRUE(becomes_readable(warden.pidfd()));
  const Result<void> told = warden.unregister_group(worker.group());
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().message, fmt::format("telling the warden (pid {}) of group {} failed: "
                                              "EPIPE (Broken pipe)",
                                              warden.pid(), worker.group()));
  EXPECT_TRUE(is_alive(worker.pidfd()));
}

TEST_F(WardenTest, RestartsWithTheLiveGroups) {
  cites_bug_class(6);
  Warden warden = must_start();
  WorkerProcess worker = guarded(warden, "read gate");
  ::kill(warden.pid(), SIGKILL);
  ASSERT_TRUE(becomes_readable(warden.pidfd()));
  const int first_pid = warden.pid();
  const std::array<LiveGroup, 1> live{{{worker.group(), worker.pidfd()}}};
  ASSERT_TRUE(warden.restart(live));
  EXPECT_NE(warden.pid(), first_pid);
  EXPECT_TRUE(holds(warden, 3));
  WorkerProcess another = guarded(warden, "read gate");
  EXPECT_TRUE(holds(warden, 4));
  EXPECT_TRUE(is_alive(worker.pidfd()));
}

// A stopped warden reads nothing: told so within a second, and replaced without harm.
TEST_F(WardenTest, AStoppedOneIsFoundOutAndReplaced) {
  cites_bug_class(6);
  Warden warden = must_start();
  WorkerProcess worker = guarded(warden, "read gate");
  EXPECT_TRUE(holds(warden, 3));
  ASSERT_EQ(::kill(warden.pid(), SIGSTOP), 0);
  Result<void> told;
  constexpr int buffer_records_max = 10'000;
  for (int i = 0; i < buffer_records_max && told; ++i) told = warden.register_group({1 << 23, -1});
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().message,
            fmt::format("telling the warden (pid {}) of group {} failed: EAGAIN (Resource "
                        "temporarily unavailable)",
                        warden.pid(), 1 << 23));
  const std::array<LiveGroup, 1> live{{{worker.group(), worker.pidfd()}}};
  ASSERT_TRUE(warden.restart(live));
  EXPECT_TRUE(holds(warden, 3));
  EXPECT_TRUE(is_alive(worker.pidfd()));
}

TEST_F(WardenTest, RestartOfALivingOneKillsNoWorker) {
  cites_bug_class(6);
  Warden warden = must_start();
  WorkerProcess worker = guarded(warden, "read gate");
  const std::array<LiveGroup, 1> live{{{worker.group(), worker.pidfd()}}};
  ASSERT_TRUE(warden.restart(live));
  EXPECT_TRUE(holds(warden, 3));
  EXPECT_TRUE(is_alive(worker.pidfd()));
}

// A worker died, nobody told the warden, and a stranger has its number, pid and group.
TEST_F(WardenTest, SparesAStrangerWhoGotTheNumber) {
  cites_bug_class(7);
  std::optional<Warden> warden(must_start());
  WorkerProcess worker = guarded(*warden, "exit 0");
  (void)must_reap(worker);
  const ReusedPid stranger(worker.pid());
  if (!stranger.is_there()) GTEST_SKIP() << "no right to choose a pid";
  warden.reset();
  EXPECT_TRUE(is_alive(stranger.pidfd()));
}

// The number came back as another worker of ours before the first was unregistered.
TEST_F(WardenTest, UnregistersTheOldestOfANumber) {
  cites_bug_class(7);
  std::optional<Warden> warden(must_start());
  WorkerProcess worker = guarded(*warden, "exit 0");
  (void)must_reap(worker);
  const ReusedPid second(worker.pid());
  if (!second.is_there()) GTEST_SKIP() << "no right to choose a pid";
  ASSERT_TRUE(warden->register_group({second.pid(), second.pidfd()}));
  ASSERT_TRUE(warden->unregister_group(worker.group()));
  warden.reset();
  EXPECT_TRUE(becomes_readable(second.pidfd())) << "it is registered and must have been killed";
}

}  // namespace
}  // namespace ordeal::pool::process
