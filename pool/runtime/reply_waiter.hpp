// How a blocking caller sleeps until its worker answers, at the least cost a call.
//
// ppoll on two descriptors with a time-out costs 0.85 µs more than a plain blocking read (of some
// 9 µs a call takes, both on one core); this costs 0.4: the descriptors are registered once for the
// worker's life, and the deadline is a timer that is armed rarely. The timer is set to the first
// caller's deadline; a later caller whose deadline is later need not touch it. It may so go off
// early: the caller then sets it anew for its own deadline and sleeps on. And the reply descriptor
// is told of once for each arrival (edge-triggered): told again and again while there are bytes, it
// would be looked at once more before each sleep (0.1 µs). So what one read has not taken out must
// be read before the next sleep: note_read() sees to it.
//
// Used by one driver at a time; interrupt() by anybody while that driver holds the worker.
#pragma once

#include <cstddef>

#include "ordeal/pool/error.hpp"
#include "pool/process/file_descriptor.hpp"
#include "pool/runtime/clock.hpp"

namespace ordeal::pool::runtime {

class ReplyWaiter {
 public:
  // `reply_descriptor` stays the caller's and must be open as long as wait() is used.
  // Errors: spawn_failed, naming what the system refused.
  [[nodiscard]] static Result<ReplyWaiter> make(int reply_descriptor);

  // Sleeps until the reply descriptor is readable (true; also when it may be), or something else
  // deserves a look: an interrupt, the deadline, or nothing at all (false). `at`: now, or a moment
  // ago.
  [[nodiscard]] bool wait(Instant at, Instant deadline);
  // After each read of the reply descriptor, whoever reads: what read() returned, and how much it
  // could have returned.
  void note_read(long count, std::size_t space_bytes) {
    may_hold_more_ = count > 0 && static_cast<std::size_t>(count) == space_bytes;
  }

  // Makes the running or next wait return. Sticky until clear_interrupt().
  void interrupt() const;
  void clear_interrupt() const;
  [[nodiscard]] int interrupt_descriptor() const { return interrupt_.get(); }

 private:
  ReplyWaiter() = default;
  void arm(Instant deadline);
  void tell_again_and_again() const;

  process::FileDescriptor epoll_;
  process::FileDescriptor timer_;
  process::FileDescriptor interrupt_;
  int reply_descriptor_ = -1;
  Instant armed_for_ = core::never;
  bool may_hold_more_ = false;
};

}  // namespace ordeal::pool::runtime
