// The lifeline: the socket on which the warden is told what to kill when the host is gone.
//
//   host ----+                       record: {group}, with a pidfd of the group's leader
//   child ---+--> SOCK_SEQPACKET --> warden
//   child ---+                       end of file: host and children have all let go
//
//   +group, pidfd   "the process behind this pidfd leads this process group": sent by the child
//                   itself between clone and exec, and by the host to a new warden
//   -group          "forget the oldest entry of that number": sent by the host, after a death
//
// A SOCK_SEQPACKET socket pair and not a pipe, because
//   - MSG_NOSIGNAL: a dead warden is EPIPE and never SIGPIPE, whatever thread or disposition, with
//     no signal mask to juggle in a guest's threads;
//   - records are atomic and ordered, so that no reader meets half of one;
//   - it carries descriptors: the child sends a pidfd of itself, so that the warden never has to
//     turn a number into a process;
//   - shutdown() ends it even while a forked copy of the host holds it open.
//
// Header only, raw system calls only: the child between clone and exec uses it, and the warden,
// which has no C library.
// Thread safety: any number of senders; one reader.
#pragma once

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/socket.h>

#include "pool/process/raw_syscall.hpp"

namespace ordeal::pool::process {

struct LifelineRecord {
  uint32_t magic;
  int32_t group;  // > 0: register; < 0: forget -group
};
inline constexpr uint32_t lifeline_magic = 0x6c61'6472;  // "rdal" in memory on a little-endian host

// The socket's buffer holds some 200 records, the warden reads them at once; so a full one means
// that the warden is stopped or starved. The sender then waits, but not for ever.
inline constexpr long lifeline_full_wait_ms = 100;
inline constexpr int lifeline_full_waits_max = 10;

union LifelineControl {
  cmsghdr header;
  char bytes[CMSG_SPACE(sizeof(int))];
};

// Waits until `descriptor` has one of `events`, at most `timeout_ms`. Returns as ppoll does.
[[gnu::always_inline]] inline long raw_poll_one(int descriptor, short events, long timeout_ms) {
  pollfd waited{descriptor, events, 0};
  // What ppoll wants is the kernel's timespec of two 64-bit longs, not the C library's.
  struct KernelTime {
    long seconds;
    long nanoseconds;
  } timeout{timeout_ms / 1000, (timeout_ms % 1000) * 1'000'000};
  return raw_syscall(SYS_ppoll, &waited, 1L, &timeout, nullptr, 0L);
}

// Sends one record; `leader_pidfd` < 0: without a descriptor.
// Returns 0, or -errno: -EPIPE if there is no warden any more, -EAGAIN if it has not read for a
// second. Never raises SIGPIPE.
[[nodiscard]] [[gnu::always_inline]] inline long send_lifeline_record(int lifeline, int group,
                                                                      int leader_pidfd) {
  LifelineRecord record{lifeline_magic, group};
  iovec part{&record, sizeof record};
  LifelineControl control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (leader_pidfd >= 0) {
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(int));
    *reinterpret_cast<int*>(CMSG_DATA(&control.header)) = leader_pidfd;
    message.msg_control = &control;
    message.msg_controllen = sizeof control;
  }
  long sent = 0;
  for (int waits = 0; waits <= lifeline_full_waits_max; ++waits) {
    sent = raw_syscall(SYS_sendmsg, lifeline, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return 0;
    if (sent == -EAGAIN) (void)raw_poll_one(lifeline, POLLOUT, lifeline_full_wait_ms);
    // A warden that died with unread records leaves a reset connection: one death, one errno.
    if (sent == -ECONNRESET) return -EPIPE;
    if (sent != -EAGAIN && sent != -EINTR) return sent;
  }
  return sent;
}

struct LifelineMessage {
  long received;     // bytes; 0: end of file; -EAGAIN: nothing there; else -errno
  int group;         // 0: not a record
  int leader_pidfd;  // the reader's now; -1: none came
};

// Reads one record, without waiting.
[[nodiscard]] [[gnu::always_inline]] inline LifelineMessage receive_lifeline_record(int lifeline) {
  LifelineRecord record{};
  iovec part{&record, sizeof record};
  LifelineControl control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = &control;
  message.msg_controllen = sizeof control;
  LifelineMessage result{0, 0, -1};
  result.received = raw_syscall(SYS_recvmsg, lifeline, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (result.received < 0) return result;
  if (message.msg_controllen >= sizeof(cmsghdr) && control.header.cmsg_level == SOL_SOCKET &&
      control.header.cmsg_type == SCM_RIGHTS && control.header.cmsg_len >= CMSG_LEN(sizeof(int))) {
    result.leader_pidfd = *reinterpret_cast<int*>(CMSG_DATA(&control.header));
  }
  const bool whole = result.received == long{sizeof record} && record.magic == lifeline_magic;
  result.group = whole ? record.group : 0;
  return result;
}

}  // namespace ordeal::pool::process
