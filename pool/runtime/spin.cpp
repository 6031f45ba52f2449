#include "pool/runtime/spin.hpp"

#include <sched.h>

#include <algorithm>

#include "pool/process/pipe_io.hpp"

namespace ordeal::pool::runtime {
namespace {

// Turns between two sched_yield, and between two looks at the clock (DESIGN, section 12: 16).
constexpr std::uint64_t turns_between_yields = 16;
// Calls of a thread between two looks at its CPU mask, which may be changed while it runs.
constexpr int calls_between_mask_reads = 1024;

}  // namespace

int usable_cpus() {
  thread_local int cached = 0;
  thread_local int calls = 0;
  if (calls++ % calls_between_mask_reads == 0) {
    cpu_set_t mask;
    CPU_ZERO(&mask);
    cached = sched_getaffinity(0, sizeof mask, &mask) == 0 ? CPU_COUNT(&mask) : 1;
  }
  return cached;
}

bool Spinner::pays(Duration service_estimate) const {
  if (!enabled_ || service_estimate == Duration::zero() || service_estimate > spin_max_) {
    return false;
  }
  const int cpus = usable_cpus();
  return cpus > 1 && spinning_.load(std::memory_order_relaxed) < cpus - 1;
}

long Spinner::read(int descriptor, std::span<char> space,
                   const std::atomic<std::uint8_t>& interrupts, Instant deadline) {
  spinning_.fetch_add(1, std::memory_order_relaxed);
  const Instant give_up = std::min(core::after(now(), spin_max_), deadline);
  long count = 0;
  std::uint64_t turn = 0;
  std::uint64_t yields = 0;
  while (true) {
    ++turn;
    count = process::read_pipe(descriptor, space);
    if (!process::is_passing(count)) break;
    if (turn % turns_between_yields == 0) {
      if (interrupts.load(std::memory_order_relaxed) != 0 || now() >= give_up) break;
      sched_yield();
      ++yields;
    }
  }
  spinning_.fetch_sub(1, std::memory_order_relaxed);
  const bool in_vain = process::is_passing(count);
  calls_.fetch_add(1, std::memory_order_relaxed);
  in_vain_.fetch_add(in_vain ? 1 : 0, std::memory_order_relaxed);
  reads_wasted_.fetch_add(in_vain ? turn : turn - 1, std::memory_order_relaxed);
  yields_.fetch_add(yields, std::memory_order_relaxed);
  return count;
}

SpinStatus Spinner::status() const {
  return {.calls = calls_.load(std::memory_order_relaxed),
          .in_vain = in_vain_.load(std::memory_order_relaxed),
          .reads_wasted = reads_wasted_.load(std::memory_order_relaxed),
          .yields = yields_.load(std::memory_order_relaxed)};
}

Duration Spinner::estimate(Duration before, Duration newest) {
  if (before == Duration::zero()) return newest;
  return before + (newest - before) / 8;
}

}  // namespace ordeal::pool::runtime
