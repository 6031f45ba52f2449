// How a blocking caller sleeps until its worker answers, at the least cost a call; and how whoever
// drives a worker reads its replies.
//
// A caller whose deadline is far sleeps in the read itself (InterruptibleRead), and lets the
// housekeeper end that some time before the deadline comes: the rest it sleeps on its own timer. So
// nobody's deadline depends on another thread's being scheduled, but for one that is not scheduled
// for deadline_lead.
//
// Near the deadline, and where that read is not to be had, the caller sleeps in epoll_wait. The
// descriptors are registered once for the worker's life, and the deadline is a timer that is armed
// rarely. The timer is set for the first caller; a later caller whose deadline is later need not
// touch it. It may so go off early: the caller then sets it anew and sleeps on. And the reply
// descriptor is told of once for each arrival (edge-triggered): told again and again while there
// are bytes, it would be looked at once more before each sleep. So what one read has not taken out
// must be read before the next sleep: note_read() sees to it.
//
// What each way costs is in perf/README.md.
//
// Used by one driver at a time; interrupt() by anybody while that driver holds the worker.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "ordeal/pool/error.hpp"
#include "pool/process/file_descriptor.hpp"
#include "pool/process/pipe_io.hpp"
#include "pool/runtime/clock.hpp"
#include "pool/runtime/interruptible_read.hpp"

namespace ordeal::pool::runtime {

class ReplyWaiter {
 public:
  // `reply_descriptor` stays the caller's and must be open as long as wait() is used.
  // Errors: spawn_failed, naming what the system refused.
  [[nodiscard]] static Result<ReplyWaiter> make(int reply_descriptor);

  // How long before its deadline a caller is woken who sleeps in its read.
  static constexpr Duration deadline_lead = std::chrono::milliseconds{100};

  // Both return as read_pipe(). sleep_and_read(): once there is something to read; or -EAGAIN, once
  // something else deserves a look: an interrupt, the deadline, or nothing at all. `at`: now, or a
  // moment ago.
  [[nodiscard]] long sleep_and_read(std::span<char> space, Instant at, Instant deadline);
  [[nodiscard]] long read_now(std::span<char> space) {
    return holds_bytes() ? take_kept(space) : process::read_pipe(reply_descriptor_, space);
  }
  // Bytes that are to be read, but not from the descriptor.
  [[nodiscard]] bool holds_bytes() const { return read_ && !read_->kept().empty(); }
  // After each read of the reply descriptor, whoever reads: what read() returned, and how much it
  // could have returned.
  void note_read(long count, std::size_t space_bytes) {
    may_hold_more_ = count > 0 && static_cast<std::size_t>(count) == space_bytes;
  }

  // Makes the running or next sleep end. Sticky until clear_interrupt().
  void interrupt() const;
  void clear_interrupt() const;
  [[nodiscard]] int interrupt_descriptor() const { return interrupt_.get(); }

  // For who minds the timer of those who sleep in their read: whenever it is readable (edge-
  // triggered), on_timer().
  [[nodiscard]] int timer_descriptor() const { return timer_.get(); }
  void on_timer() const;

 private:
  ReplyWaiter() = default;
  [[nodiscard]] long sleep_in_read(std::span<char> space, Instant at, Instant deadline);
  [[nodiscard]] bool wait(Instant at, Instant deadline);
  [[nodiscard]] long take_kept(std::span<char> space);
  void arm_if_needed(Instant at, Instant wake_at, Instant deadline);
  void end_read(InterruptibleRead::Reason reason) const;
  void tell_again_and_again() const;

  process::FileDescriptor epoll_;
  process::FileDescriptor timer_;
  process::FileDescriptor interrupt_;
  std::unique_ptr<InterruptibleRead> read_;  // none: this system has none
  int reply_descriptor_ = -1;
  bool is_registered_ = false;  // the reply descriptor, at the first wait()
  Instant armed_for_ = core::never;
  Instant deadline_of_timer_ = core::never;  // whose caller has armed it
  bool may_hold_more_ = false;
  bool has_slept_in_read_ = false;  // since epoll_wait was asked: what it said may be out of date
};

}  // namespace ordeal::pool::runtime
