#include "pool/process/tests/reused_pid.hpp"

#include <linux/sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>

#include "pool/process/raw_syscall.hpp"

namespace ordeal::pool::process {

ReusedPid::ReusedPid(int pid, int group) : pid_(pid) {
  int pidfd = -1;
  pid_t wanted = pid;
  clone_args arguments{};
  arguments.flags = CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd);
  arguments.exit_signal = SIGCHLD;
  arguments.set_tid = reinterpret_cast<std::uintptr_t>(&wanted);
  arguments.set_tid_size = 1;
  // Raw: the C library does not know of this fork, and the child uses nothing of it.
  const long result = raw_syscall(SYS_clone3, &arguments, sizeof arguments);
  if (result == 0) {
    const long failed = raw_syscall(SYS_setpgid, 0, group);
    if (failed != 0) (void)raw_syscall(SYS_exit_group, 1);
    for (;;) (void)raw_syscall(SYS_ppoll, nullptr, 0L, nullptr, nullptr, 0L);
  }
  if (result < 0) return;
  pidfd_.reset(pidfd);
  (void)::setpgid(pid, group);  // whoever is first; so it is done when we return
}

ReusedPid::~ReusedPid() {
  if (!pidfd_) return;
  (void)raw_syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
  siginfo_t info{};
  while (raw_syscall(SYS_waitid, P_PIDFD, pidfd_.get(), &info, WEXITED, nullptr) == -EINTR) {
  }
}

}  // namespace ordeal::pool::process
