// Signals to groups whose number may have changed hands: the exact way, and that of old kernels.
#include "pool/process/group_signal.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>

#include "pool/process/tests/reused_pid.hpp"
#include "pool/process/tests/support.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool::process {
namespace {

using Way = long (*)(int group, int leader_pidfd, int signal);
long exactly(int group, int pidfd, int signal) {
  return signal_group_exactly(group, pidfd, signal);
}
long by_number(int group, int pidfd, int signal) {
  return signal_group_by_number(group, pidfd, signal);
}
long without_pidfd(int group, int, int signal) { return signal_group_exactly(group, -1, signal); }

class GroupSignal : public ProcessTest {
 protected:
  // A worker, dead and reaped by somebody else; its pidfd is still ours.
  [[nodiscard]] static WorkerProcess dead_worker(const std::string& script) {
    WorkerProcess worker = must_spawn(shell(script));
    EXPECT_TRUE(becomes_readable(worker.pidfd()));
    return worker;
  }
  static void reap_behind_its_back(const WorkerProcess& worker) {
    EXPECT_EQ(::waitpid(worker.pid(), nullptr, 0), worker.pid());
  }
};

TEST_F(GroupSignal, ReachesAWholeGroup) {
  for (const Way way : {exactly, by_number}) {
    WorkerProcess worker = must_spawn(shell("tail -f /dev/null & echo $!; read gate"));
    const FileDescriptor child = open_pidfd(std::stoi(read_line(worker.pipes().from_worker.get())));
    EXPECT_EQ(way(worker.group(), worker.pidfd(), SIGKILL), 0);
    EXPECT_TRUE(becomes_readable(worker.pidfd()));
    EXPECT_TRUE(becomes_readable(child.get()));
  }
}

TEST_F(GroupSignal, ReachesWhatALongReapedLeaderLeft) {
  for (const Way way : {exactly, by_number, without_pidfd}) {
    WorkerProcess worker = must_spawn(shell("tail -f /dev/null >/dev/null & echo $!"));
    const FileDescriptor child = open_pidfd(std::stoi(read_line(worker.pipes().from_worker.get())));
    EXPECT_TRUE(becomes_readable(worker.pidfd()));
    reap_behind_its_back(worker);
    EXPECT_TRUE(is_alive(child.get()));
    EXPECT_EQ(way(worker.group(), worker.pidfd(), SIGKILL), 0);
    EXPECT_TRUE(becomes_readable(child.get()));
  }
}

TEST_F(GroupSignal, SaysThatNobodyIsThere) {
  for (const Way way : {exactly, by_number, without_pidfd}) {
    WorkerProcess worker = dead_worker("exit 0");
    reap_behind_its_back(worker);
    EXPECT_EQ(way(worker.group(), worker.pidfd(), SIGKILL), -ESRCH);
  }
}

TEST_F(GroupSignal, SparesAStrangerWithTheNumber) {
  cites_bug_class(7);
  for (const Way way : {exactly, by_number, without_pidfd}) {
    WorkerProcess worker = dead_worker("exit 0");
    reap_behind_its_back(worker);
    const ReusedPid stranger(worker.pid());
    if (!stranger.is_there()) GTEST_SKIP() << "no right to choose a pid";
    EXPECT_EQ(way(worker.group(), worker.pidfd(), SIGKILL), -ESRCH);
    EXPECT_TRUE(is_alive(stranger.pidfd()));
  }
}

// The whole class, not only its function: nothing it does after the fact reaches the stranger.
TEST_F(GroupSignal, AWorkerReapedByOthersNeverHarmsItsPidsNextOwner) {
  cites_bug_class(7);
  std::optional<WorkerProcess> worker(dead_worker("exit 0"));
  reap_behind_its_back(*worker);
  const ReusedPid stranger(worker->pid());
  if (!stranger.is_there()) GTEST_SKIP() << "no right to choose a pid";
  EXPECT_EQ(worker->signal_group(SIGKILL), SignalOutcome::nobody);
  EXPECT_EQ(worker->signal_leader(SIGKILL), SignalOutcome::nobody);
  EXPECT_EQ(worker->sample_memory(), std::nullopt) << "it would be the stranger's";
  EXPECT_FALSE(must_reap(*worker).known);
  worker.reset();
  EXPECT_TRUE(is_alive(stranger.pidfd()));
}

TEST_F(GroupSignal, NeverMeansEverybody) {
  cites_bug_class(7);
  for (const int group : {1, 0, -1, -7}) {
    EXPECT_EQ(signal_group_exactly(group, -1, 0), -ESRCH);
  }
}

}  // namespace
}  // namespace ordeal::pool::process
