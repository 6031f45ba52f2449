// The one place that polls the CPU: reading a reply without going to sleep, where that pays.
//
// Waking a sleeping core costs several times what a short call does (DESIGN, section 12: 11 µs
// against 90 µs), so a caller may spin on a non-blocking read, giving way with sched_yield every
// few reads (without it the spinner starves a worker on its own core), for at most spin_max. It
// pays only if the worker's recent service time is short, more than one CPU is in the thread's
// mask, few others spin, and the CPUs are not crowded: where others compute on all of them, giving
// way costs a stranger's whole slice (4 ms), while one who sleeps is preferred when he wakes. Who
// has seen that lets nobody spin for a while. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "ordeal/pool/status.hpp"
#include "pool/runtime/clock.hpp"

namespace ordeal::pool::runtime {

class Spinner {
 public:
  Spinner(bool enabled, Duration spin_max) : enabled_(enabled), spin_max_(spin_max) {}

  // Whether to spin now, given the moving average of the worker's service time (zero: unknown).
  [[nodiscard]] bool pays(Duration service_estimate, Instant at) const;

  // Reads from `descriptor` until bytes, end of file, an error, an interrupt or the limit.
  // Returns the count, or -errno; -EAGAIN or -EINTR if it gave up.
  [[nodiscard]] long read(int descriptor, std::span<char> space,
                          const std::atomic<std::uint8_t>& interrupts, Instant deadline);

  // Whether who is `place`th in a queue for so many workers gets one before he has gone to sleep
  // and been woken again, by the calls of late.
  [[nodiscard]] bool is_soon(std::uint32_t place, std::uint32_t workers) const;
  // For such a caller: gives way until `word` is no longer `ticket`. False at once if that does not
  // pay (it has mostly been in vain of late, say), else when it has taken as long as to sleep and
  // be woken.
  [[nodiscard]] bool await_change(const WakeWord& word, std::uint32_t ticket, Instant deadline);
  // The moving average of a worker that has just served.
  void note_service(Duration service_estimate);

  // What it has cost so far. Each number is right; together they may be of different moments.
  [[nodiscard]] SpinStatus status() const;

  // The moving average, with the newest of weight 1/8. One long call stops the spinning at once.
  [[nodiscard]] static Duration estimate(Duration before, Duration newest);

  // A spinner gave way at `begun` and was back at `ended`: whether it pays to do so again soon.
  void note_turn(Instant begun, Instant ended);
  [[nodiscard]] bool is_crowded(Instant at) const {
    return at < crowded_until_.load(std::memory_order_relaxed);
  }

 private:
  bool tries_queue();
  void note_queue(bool was_worth_it);

  const bool enabled_;
  const Duration spin_max_;
  std::atomic<int> spinning_{0};
  std::atomic<int> queueing_{0};    // spinning callers who wait for a worker
  std::atomic<int> queue_luck_{0};  // below zero: it has been in vain more often than not
  std::atomic<std::uint32_t> queue_passed_{0};
  std::atomic<Duration> service_{Duration::zero()};  // roughly, of whichever worker; zero: unknown
  std::atomic<Instant> crowded_until_{Instant{}};
  std::atomic<Duration> crowded_for_{std::chrono::milliseconds{10}};  // the next time
  std::atomic<std::uint64_t> calls_{0};
  std::atomic<std::uint64_t> in_vain_{0};
  std::atomic<std::uint64_t> reads_wasted_{0};
  std::atomic<std::uint64_t> yields_{0};
};

// How many CPUs the calling thread may run on; refreshed now and then, not on each call.
[[nodiscard]] int usable_cpus();

}  // namespace ordeal::pool::runtime
