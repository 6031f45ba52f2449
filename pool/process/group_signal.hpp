// Signals to a whole process group whose leader is known by a pidfd.
//
// The trouble: kill(-group) goes by number, and a number may belong to strangers by now. The kernel
// keeps a group's number while the leader is not reaped or the group has a member; when both are
// gone, the number is free for others.
//
//   Linux >= 6.9   pidfd_send_signal(pidfd, ..., PIDFD_SIGNAL_PROCESS_GROUP) names the group by the
//                  leader's identity itself, also when the leader is long reaped and only its
//                  grandchildren live. Exact: no window.
//   before         kill(-group) while the leader's pidfd still answers (not reaped): right. If the
//                  leader was reaped: right if no process has the number, since members alone then
//                  keep it; if one has it, the number was reused, and nothing is sent.
//                  Remaining window: a stranger who got the number, made a group, left members in
//                  it and was itself reaped; or all that happening between two system calls.
//
// Header only, raw system calls: the warden uses it, which has no C library.
// Thread safety: any thread.
#pragma once

#include <errno.h>
#include <signal.h>
#include <stdint.h>

#include "pool/process/raw_syscall.hpp"

namespace ordeal::pool::process {

inline constexpr unsigned pidfd_signal_process_group = 1U << 2;  // PIDFD_SIGNAL_PROCESS_GROUP, 6.9

// Returns 0, or -errno: -ESRCH if the group has no member (or is not certainly the leader's).
// REQUIRES: leader_pidfd is a pidfd of the process whose pid is `group`, or -1 if nobody has one.
[[nodiscard]] [[gnu::always_inline]] inline long signal_group_by_number(int group, int leader_pidfd,
                                                                        int signal) {
  const bool leader_is_there =
      leader_pidfd >= 0 && raw_syscall(SYS_pidfd_send_signal, leader_pidfd, 0, 0, 0) != -ESRCH;
  if (!leader_is_there && raw_syscall(SYS_kill, group, 0) != -ESRCH) return -ESRCH;
  return raw_syscall(SYS_kill, -group, signal);
}

// As above. `group` > 1 always: kill(-1) would be everybody, kill(-0) one's own group.
[[nodiscard]] [[gnu::always_inline]] inline long signal_group_exactly(int group, int leader_pidfd,
                                                                      int signal) {
  if (group <= 1) return -ESRCH;
  if (leader_pidfd >= 0) {
    const long sent =
        raw_syscall(SYS_pidfd_send_signal, leader_pidfd, signal, 0, pidfd_signal_process_group);
    if (sent != -EINVAL && sent != -ENOSYS) return sent;
  }
  return signal_group_by_number(group, leader_pidfd, signal);
}

}  // namespace ordeal::pool::process
