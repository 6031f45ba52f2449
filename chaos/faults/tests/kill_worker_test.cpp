// The life of a kill against real children of this process.
#include "chaos/faults/kill_worker.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chaos/faults/process_look.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::chaos {
namespace {

// A child that waits to be killed; reaped at the end.
class Child {
 public:
  Child() : pid_(fork()) {
    if (pid_ == 0) {
      while (true) pause();
    }
  }
  ~Child() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  [[nodiscard]] int pid() const { return pid_; }
  void reap() {
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  int pid_;
};

pool::Status status_with(std::uint64_t worker, int pid) {
  pool::Status status;
  status.workers.emplace_back();
  status.workers.back().worker = worker;
  status.workers.back().pid = pid;
  status.workers.back().state = "ready";
  return status;
}

Victim held(const WorkerId& id, const pool::Status& status) {
  return hold(id, Target{}, [&status] { return status; });
}

TEST(KillWorker, goes_from_selected_to_proved) {
  cites(49);
  Child child;
  Victim victim = held({9, child.pid()}, status_with(9, child.pid()));
  ASSERT_EQ(victim.state, Victim::State::selected) << victim.reason;
  EXPECT_TRUE(victim.was_child);
  EXPECT_FALSE(victim.is_dead());
  inject(victim, {});
  EXPECT_EQ(victim.state, Victim::State::injected);
  prove(victim, {});
  EXPECT_EQ(victim.state, Victim::State::proved);
  EXPECT_TRUE(victim.is_dead());
  EXPECT_LE(victim.injected_at, victim.proved_at);
}

TEST(KillWorker, without_effect_is_unproved_and_says_so) {
  cites(49);
  Child child;
  const KillWorker fault{.proof_max = std::chrono::milliseconds{20}, .signal = 0};
  Victim victim = held({9, child.pid()}, status_with(9, child.pid()));
  inject(victim, fault);
  prove(victim, fault);
  EXPECT_EQ(victim.state, Victim::State::unproved);
  EXPECT_EQ(victim.reason, "still alive 20 ms after the signal");
}

TEST(KillWorker, leaves_a_pid_alone_that_is_no_longer_the_workers) {
  cites_bug_class(7);
  Child child;
  EXPECT_EQ(held({9, child.pid()}, status_with(10, child.pid())).reason,
            "no longer serves under this pid");
  EXPECT_EQ(held({9, child.pid()}, {}).reason, "no longer serves under this pid");
}

TEST(KillWorker, leaves_strangers_alone) {
  EXPECT_EQ(held({9, getppid()}, status_with(9, getppid())).reason, "not a child of this process");
}

TEST(KillWorker, takes_no_credit_for_a_death_that_was_not_its_own) {
  Child child;
  kill(child.pid(), SIGKILL);
  siginfo_t info{};
  waitid(P_PID, static_cast<id_t>(child.pid()), &info, WEXITED | WNOWAIT);
  EXPECT_EQ(held({9, child.pid()}, status_with(9, child.pid())).reason, "died by itself");
  const int pid = child.pid();
  child.reap();
  EXPECT_EQ(held({9, pid}, status_with(9, pid)).reason, "pidfd_open: No such process");
}

TEST(ProcessLook, sees_children_zombies_included) {
  EXPECT_TRUE(children_of_this_process().empty());
  Child child;
  ASSERT_EQ(children_of_this_process().size(), 1u);
  EXPECT_EQ(children_of_this_process().front().pid, child.pid());
  kill(child.pid(), SIGKILL);
  siginfo_t info{};
  waitid(P_PID, static_cast<id_t>(child.pid()), &info, WEXITED | WNOWAIT);
  EXPECT_EQ(children_of_this_process().front().state, 'Z');
  EXPECT_EQ(look_at_process(child.pid()).parent, getpid());
}

}  // namespace
}  // namespace ordeal::chaos
