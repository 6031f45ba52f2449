// The warden: a process that outlives its host by some microseconds, and takes the workers with it.
//
//   0  the lifeline's reading end       1  a pidfd of the host
//
//            +group: remember      -group: forget the oldest of that number
//                 +--------+
//                 |        v
//             [ watching ] --- host's pidfd readable, or end of file ---> [ killing ]
//                                                                           |    ^ +group:
//                 end of file: nobody can register any more <--- exit ------+    | kill at once
//
// End of file comes when the last copy of the other end is closed; a child between clone and exec
// has one until its exec, and registers before that: so nothing escapes between the two. A forked
// copy of the host may hold one for ever: hence the pidfd.
//
// No C library: some 10 KiB, no start-up work, nothing that a host's environment (LD_PRELOAD,
// locale, malloc) can disturb. It is embedded in the library (warden_blob.S) and run from memory.
//
// Not a sub-reaper (PR_SET_CHILD_SUBREAPER): that adopts orphans of one's own descendants; workers
// are the host's children, and after its death go to init or to the host's own sub-reaper.
#include <fcntl.h>
#include <linux/prctl.h>

#include "pool/process/group_signal.hpp"
#include "pool/process/lifeline.hpp"
#include "pool/process/raw_syscall.hpp"

namespace ordeal::pool::process {
namespace {

constexpr int lifeline = 0;
constexpr int host_pidfd = 1;
constexpr int groups_max = 16384;

struct Group {
  int number;
  int leader_pidfd;  // < 0: it was dead when it was registered
};

// Oldest first. In .bss: pages that are never used are never there.
Group groups[groups_max];
int group_count = 0;

void kill_and_close(const Group& group) {
  (void)signal_group_exactly(group.number, group.leader_pidfd, SIGKILL);
  if (group.leader_pidfd >= 0) (void)raw_syscall(SYS_close, group.leader_pidfd);
}

// What cannot be guarded must not run: no room in the table, or no descriptor left for the leader's
// pidfd. Its host then sees a worker killed by SIGKILL.
void remember(int number, int leader_pidfd) {
  if (leader_pidfd < 0) {
    // None was sent, or it found no room here. It has just been registered, so the number is its
    // own; if it is dead already, what it left is known by the number (group_signal.hpp).
    leader_pidfd = static_cast<int>(raw_syscall(SYS_pidfd_open, number, 0));
  }
  const bool is_dead = leader_pidfd == -ESRCH;
  if (leader_pidfd < 0 && !is_dead) {
    (void)raw_syscall(SYS_kill, -number, SIGKILL);
    return;
  }
  const Group group{number, leader_pidfd};
  if (group_count == groups_max) {
    kill_and_close(group);
    return;
  }
  groups[group_count++] = group;
}

// The oldest: a number can be registered anew before its first owner was unregistered, if the host
// ignores SIGCHLD. Then the later entry is the living one.
void forget(int number) {
  int at = 0;
  while (at < group_count && groups[at].number != number) ++at;
  if (at == group_count) return;
  if (groups[at].leader_pidfd >= 0) (void)raw_syscall(SYS_close, groups[at].leader_pidfd);
  --group_count;
  for (; at < group_count; ++at) groups[at] = groups[at + 1];
}

void kill_all() {
  for (int i = 0; i < group_count; ++i) kill_and_close(groups[i]);
  group_count = 0;
}

// Reads what there is. False: nobody has the other end any more.
bool read_lifeline() {
  for (;;) {
    const LifelineMessage message = receive_lifeline_record(lifeline);
    if (message.received == -EAGAIN) return true;
    if (message.received == -EINTR) continue;
    if (message.received <= 0) return false;
    if (message.group > 1) {
      remember(message.group, message.leader_pidfd);
      continue;
    }
    if (message.leader_pidfd >= 0) (void)raw_syscall(SYS_close, message.leader_pidfd);
    if (message.group < -1) forget(-message.group);
  }
}

// Signals stay blocked (the host's Ctrl-C, a service manager's SIGTERM to all): what cannot be
// blocked, SIGKILL and SIGSTOP, is the documented limit. Blocked before exec already (launch), and
// here once more for whoever starts it otherwise.
void prepare() {
  const long all_signals[2] = {-1L, -1L};
  (void)raw_syscall(SYS_rt_sigprocmask, SIG_BLOCK, all_signals, nullptr, 8L);
  (void)raw_syscall(SYS_setsid);
  (void)raw_syscall(SYS_prctl, PR_SET_NAME, "ordeal-warden", 0, 0, 0);
  (void)raw_syscall(SYS_close_range, 2L, static_cast<long>(~0U), 0L);
  (void)raw_syscall(SYS_chdir, "/");  // keeps no file system busy
  // A pidfd for each group: as many as the host may have.
  constexpr long descriptors_limit = 7;  // RLIMIT_NOFILE on x86-64 and aarch64
  struct {
    uint64_t now, most;
  } limit{};
  if (raw_syscall(SYS_prlimit64, 0, descriptors_limit, nullptr, &limit) == 0) {
    limit.now = limit.most;
    (void)raw_syscall(SYS_prlimit64, 0, descriptors_limit, &limit, nullptr);
  }
}

[[noreturn]] void watch() {
  prepare();
  bool host_is_gone = false;
  for (;;) {
    pollfd waited[2] = {{lifeline, POLLIN, 0}, {host_pidfd, POLLIN, 0}};
    const unsigned long count = host_is_gone ? 1 : 2;
    const long ready = raw_syscall(SYS_ppoll, waited, count, nullptr, nullptr, 0L);
    if (ready < 0 && ready != -EINTR) host_is_gone = true;
    if (waited[1].revents != 0) host_is_gone = true;
    const bool more_may_come = read_lifeline();
    if (!more_may_come || host_is_gone) {
      host_is_gone = true;
      kill_all();
    }
    if (!more_may_come) {
      for (;;) (void)raw_syscall(SYS_exit_group, 0);
    }
  }
}

}  // namespace
}  // namespace ordeal::pool::process

// The compiler may call these even where there is no library.
extern "C" {
void* memset(void* at, int byte, __SIZE_TYPE__ count) {
  auto* bytes = static_cast<volatile unsigned char*>(at);
  while (count-- > 0) *bytes++ = static_cast<unsigned char>(byte);
  return at;
}
void* memcpy(void* to, const void* from, __SIZE_TYPE__ count) {
  auto* bytes = static_cast<volatile unsigned char*>(to);
  const auto* source = static_cast<const unsigned char*>(from);
  while (count-- > 0) *bytes++ = *source++;
  return to;
}
[[gnu::used]] [[noreturn]] void ordeal_warden_main() { ordeal::pool::process::watch(); }
}

// Where the kernel begins: a stack that is not yet aligned for a call.
#if defined(__x86_64__)
asm(".globl _start\n_start:\n  xor %ebp, %ebp\n  and $-16, %rsp\n  call ordeal_warden_main\n");
#elif defined(__aarch64__)
asm(".globl _start\n_start:\n  mov x29, #0\n  mov x30, #0\n  bl ordeal_warden_main\n");
#endif
