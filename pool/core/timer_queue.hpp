// All of the core's timers, in one indexed binary heap.
//
// Invariants:
//   (1) Timers come due in order of their instant; equal instants in the order of arming.
//   (2) A handle names one arming. After it was cancelled or came due, cancelling it is a no-op.
//   (3) Nothing is allocated once as many timers have been armed at once as ever will be.
// arm, cancel, pop_due: O(log n). Not thread-safe; a value.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "pool/core/time.hpp"

namespace ordeal::pool::core {

// To add one: name it here with a line on what happens when it comes due, and handle it in
// State::on_timer (core.cpp), whose switch the compiler keeps complete.
enum class Timer : std::uint8_t {
  queue_deadline,    // ticket: leaves the queue with queue_timeout
  affinity_wait,     // ticket: waits no longer for its session's worker, but for any
  retry_pause,       // ticket: has paused long enough, and waits for a worker again
  lease_limit,       // ticket: a lease that is held for long; reported
  certificate,       // ticket: its worker's stream is lost; it waits no longer for the exit
  start_timeout,     // worker: its start hangs; killed
  stream_grace,      // worker: closed its stream and has not exited; killed
  quarantine_grace,  // worker, slot: the late reply has not come; killed
  health_check,      // worker: is looked at, and pinged if it is idle or unhealthy
  probe_timeout,     // worker: has not answered its ping; counts as a failure
  stack_grace,       // worker: has had its time to write its stacks down; killed
  ask_grace,         // worker: was asked to leave and has not; terminated
  terminate_grace,   // worker: was terminated and has not gone; killed
  age_max,           // worker: has lived for as long as it may; is replaced
  ejection,          // worker: has been ejected for long enough
  outlier_sweep,     // pool: compares the workers with one another
  overflow_idle,     // pool: looks for surplus workers that have been idle long enough
  start_backoff,     // pool: starts may go on
  binding_expiry,    // pool: forgets the sessions that were not used for affinity_timeout
  half_open,         // circuit: has been half-open for too long; opens again
  stop_grace,        // pool: whoever has not left by now is killed
};

struct TimerHandle {
  std::uint32_t node = 0;
  std::uint64_t arming = 0;  // 0: none
  explicit constexpr operator bool() const { return arming != 0; }
};

class TimerQueue {
 public:
  struct Due {
    Timer timer{};
    std::uint32_t owner = 0;  // index of ticket or worker; 0 for the pool's own
    std::uint32_t part = 0;   // slot, where a worker has one timer for each
    Instant at{};
  };

  // Arms nothing, and returns an empty handle, if `at` is `never`.
  TimerHandle arm(Instant at, Timer timer, std::uint32_t owner = 0, std::uint32_t part = 0);
  // Empties the handle. Returns whether the timer was still armed.
  bool cancel(TimerHandle& handle);
  [[nodiscard]] bool is_armed(TimerHandle handle) const;
  [[nodiscard]] std::optional<Instant> next() const;
  // Whether pop_due() is worth a call.
  [[nodiscard]] bool may_be_due(Instant now) const {
    return !heap_.empty() && heap_.front().at <= now;
  }
  // The first timer at or before `now`, no longer armed.
  [[nodiscard]] std::optional<Due> pop_due(Instant now);
  [[nodiscard]] std::size_t size() const { return heap_.size(); }
  // In the order in which they come due. Allocates: for people.
  [[nodiscard]] std::vector<Due> all() const;

 private:
  struct Entry {
    Instant at{};
    std::uint64_t arming = 0;
    std::uint32_t node = 0;
  };
  struct Node {
    std::uint64_t arming = 0;  // 0: free
    std::uint32_t position = 0;
    std::uint32_t owner = 0;
    std::uint32_t part = 0;
    Timer timer{};
  };

  static bool before(const Entry& a, const Entry& b);
  void place(std::size_t position, const Entry& entry);
  void sift_up(std::size_t position);
  void sift_down(std::size_t position);
  void remove_at(std::size_t position);

  std::vector<Entry> heap_;
  std::vector<Node> nodes_;
  std::vector<std::uint32_t> free_nodes_;
  std::uint64_t armings_ = 0;
};

}  // namespace ordeal::pool::core
