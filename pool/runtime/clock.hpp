// The one place that knows what time it is and the one place that waits for it (DESIGN, section 4).
//
// Every wait here can be ended by something other than time: a wake-up word, or a descriptor.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <span>

#include "pool/core/time.hpp"

struct pollfd;
struct epoll_event;

namespace ordeal::pool::runtime {

using core::Duration;
using core::Instant;

// The system's monotonic clock as an Instant; the same epoch as std::chrono::steady_clock.
[[nodiscard]] Instant now();
// The same clock, up to some milliseconds behind (the kernel's last tick), for a fifth of the cost.
[[nodiscard]] Instant recent_now();
[[nodiscard]] Instant to_instant(std::chrono::steady_clock::time_point at);
[[nodiscard]] std::chrono::steady_clock::time_point to_steady(Instant at);

// A word that one thread waits on and others change: an eventcount. Read the ticket, look at what
// you wait for, and if it is not there yet wait(ticket); a notify() in between is not lost.
// Whoever has seen a notify() may destroy it: nothing of it is touched any more.
class WakeWord {
 public:
  [[nodiscard]] std::uint32_t ticket() const { return value_.load() & ~somebody_sleeps; }
  void notify();
  // Returns when notify() has been called since ticket(), or at `deadline`; may return early.
  void wait_until(Instant deadline, std::uint32_t ticket);

 private:
  // The lowest bit of the word; who tells nobody makes no system call.
  static constexpr std::uint32_t somebody_sleeps = 1;
  std::atomic<std::uint32_t> value_{0};
};

// A wait that time ended and nothing else.
struct TimedOutWait {
  Instant began;
  Instant deadline;
};

// Who is told of each of them, in the thread that has waited, from now on; null: nobody. For the
// trial kit (testing/timeouts), which asks of each whether somebody had declared its deadline: one
// that nobody did is a guess, a look every so often. Costs a look at a pointer where a wait begins
// and nothing else while nobody is told.
using TimeoutWatcher = void (*)(const TimedOutWait&);
void watch_timeouts(TimeoutWatcher watcher);
// For waits that are not this file's (reply_waiter).
void tell_timed_out(Instant began, Instant deadline);

// ppoll with an absolute deadline; EINTR is retried. Returns the number of ready descriptors, 0 at
// the deadline.
int poll_until(std::span<pollfd> descriptors, Instant deadline);

// Whether a read would not wait (or a pidfd's process is dead).
[[nodiscard]] bool is_readable_now(int descriptor);

// epoll_wait with an absolute deadline, which it may be late for by a millisecond. Returns what
// epoll_wait does.
int epoll_until(int epoll, std::span<epoll_event> events, Instant deadline);

// epoll_wait's timeout argument for an absolute deadline: -1 for never, rounded up to whole ms.
[[nodiscard]] int milliseconds_until(Instant deadline, Instant now);

}  // namespace ordeal::pool::runtime
