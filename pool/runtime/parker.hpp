// Where the caller of one ticket sleeps until it is decided: until somebody tells it, its deadline
// comes, or the worker that was granted to it meanwhile has answered.
//
// A caller who waits for a worker would be woken twice a call: when it gets one, and when that has
// answered. But whoever frees the worker has written the caller's request by then
// (Engine::WakeList), and all that the caller would do is to go back to sleep. So the sleeper is
// made to wait for the worker's replies, too (attach), and sleeps on. perf/README.md has what that
// is worth.
//
// That needs two descriptors, which open() gets once; without them nothing can be attached, and the
// sleeper waits on a futex word.
//
// One owner sleeps in it; any thread may tell it. What was attached is detached at each end of a
// sleep and before the owner goes on: at most one descriptor is attached, and only as long as the
// owner's ticket holds its worker.
#pragma once

#include <atomic>
#include <cstdint>

#include "pool/process/file_descriptor.hpp"
#include "pool/runtime/clock.hpp"

namespace ordeal::pool::runtime {

class Parker {
 public:
  // As of a WakeWord: read the ticket, look at what you wait for, then sleep.
  [[nodiscard]] std::uint32_t ticket() const { return told_.ticket(); }
  [[nodiscard]] const WakeWord& word() const { return told_; }

  // --- the owner ---
  // Gets the descriptors; once is enough. False: the system has none to give.
  bool open();
  [[nodiscard]] bool is_open() const { return open_.load(std::memory_order_acquire); }
  // Returns when the owner has been told since ticket(), or at `deadline`; may return early.
  void wait_until(Instant deadline, std::uint32_t ticket);
  // The same, and when what is attached, or will be while it sleeps, is readable. Only if
  // is_open(). Up to a millisecond late.
  void wait_until_answered(Instant deadline, std::uint32_t ticket);
  void detach();

  // --- anybody ---
  // Whoever sleeps here wakes up.
  void notify();
  // Whoever sleeps until its worker has answered, and is attached, sleeps on; any other wakes up.
  void notify_unless_attached();
  // Asleep, or about to be, in wait_until_answered(); a moment ago.
  [[nodiscard]] bool is_asleep() const { return sleep_.load() == Sleep::on_descriptors; }
  // From now on `descriptor`, which must be nobody's but the owner's ticket's, ends the owner's
  // sleep, too. False if that cannot be.
  bool attach(int descriptor);

 private:
  enum class Sleep : std::uint8_t {
    none,
    on_word,
    on_descriptors
  };
  void tell(bool also_if_attached);

  WakeWord told_;
  std::atomic<Sleep> sleep_{Sleep::none};
  std::atomic<int> attached_{-1};
  std::atomic<bool> open_{false};
  process::FileDescriptor epoll_;
  process::FileDescriptor bell_;  // an eventfd, told of once for each write; never read
};

}  // namespace ordeal::pool::runtime
