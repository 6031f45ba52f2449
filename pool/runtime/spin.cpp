#include "pool/runtime/spin.hpp"

#include <sched.h>

#include <algorithm>
#include <utility>

#include "pool/process/pipe_io.hpp"

namespace ordeal::pool::runtime {
namespace {

// Reads between two sched_yield, and between two looks at the clock (DESIGN, section 12: 16).
constexpr std::uint64_t reads_per_turn = 16;
// Who gives way and gets the CPU back only after that long has given way to a stranger.
constexpr Duration yield_max = std::chrono::microseconds{500};
// How long nobody spins after that: longer each time, so that it becomes rare.
constexpr Duration crowded_min = std::chrono::milliseconds{10};
constexpr Duration crowded_max = std::chrono::milliseconds{1280};
// What going to sleep and being woken costs on a machine whose cores fall asleep, too: who has spun
// for so long in vain has lost no more than twice what the best choice would have cost.
constexpr Duration sleep_cost = std::chrono::microseconds{50};
// A service is found to take twice as long while its callers sleep as when they do not.
constexpr Duration soon = 2 * sleep_cost;
// So many waits in a queue that were worth their spinning make up for as many in vain, no more; and
// so many pass without it where most are in vain.
constexpr int luck_max = 16;
constexpr std::uint32_t waits_between_tries = 16;
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

bool Spinner::pays(Duration service_estimate, Instant at) const {
  if (!enabled_ || service_estimate == Duration::zero() || service_estimate > spin_max_ ||
      is_crowded(at)) {
    return false;
  }
  const int cpus = usable_cpus();
  return cpus > 1 && spinning_.load(std::memory_order_relaxed) < cpus - 1;
}

// A turn: give way, then read. The worker may be waiting for this very CPU: then the reply is there
// at once.
long Spinner::read(int descriptor, std::span<char> space,
                   const std::atomic<std::uint8_t>& interrupts, Instant deadline) {
  spinning_.fetch_add(1, std::memory_order_relaxed);
  Instant at = now();
  const Instant give_up = std::min(core::after(at, spin_max_), deadline);
  long count = 0;
  std::uint64_t reads = 0;
  std::uint64_t yields = 0;
  bool passing = true;
  do {
    sched_yield();
    ++yields;
    for (std::uint64_t i = 0; i < reads_per_turn && passing; ++i) {
      count = process::read_pipe(descriptor, space);
      passing = process::is_passing(count);
      ++reads;
    }
    const Instant before = std::exchange(at, now());
    note_turn(before, at);
  } while (passing && at < give_up && interrupts.load(std::memory_order_relaxed) == 0);
  spinning_.fetch_sub(1, std::memory_order_relaxed);
  calls_.fetch_add(1, std::memory_order_relaxed);
  if (passing) in_vain_.fetch_add(1, std::memory_order_relaxed);
  reads_wasted_.fetch_add(passing ? reads : reads - 1, std::memory_order_relaxed);
  yields_.fetch_add(yields, std::memory_order_relaxed);
  return count;
}

bool Spinner::await_change(const WakeWord& word, std::uint32_t ticket, Instant deadline) {
  const int cpus = usable_cpus();
  Instant at = now();
  if (cpus < 2 || is_crowded(at) || queueing_.load(std::memory_order_relaxed) >= 2 * cpus ||
      !tries_queue()) {
    return false;
  }
  queueing_.fetch_add(1, std::memory_order_relaxed);
  const Instant give_up = std::min(core::after(at, std::min(spin_max_, sleep_cost)), deadline);
  std::uint64_t yields = 0;
  bool has_changed = false;
  do {
    sched_yield();
    ++yields;
    has_changed = word.ticket() != ticket;
    const Instant before = std::exchange(at, now());
    note_turn(before, at);
  } while (!has_changed && at < give_up);
  queueing_.fetch_sub(1, std::memory_order_relaxed);
  yields_.fetch_add(yields, std::memory_order_relaxed);
  note_queue(has_changed);
  return has_changed;
}

// Where it is mostly in vain, only now and then: to see whether it still is.
bool Spinner::tries_queue() {
  if (queue_luck_.load(std::memory_order_relaxed) >= 0) return true;
  return queue_passed_.fetch_add(1, std::memory_order_relaxed) % waits_between_tries == 0;
}

// Several threads may do this at once; the one or other that is lost does not matter.
void Spinner::note_queue(bool was_worth_it) {
  const int luck = queue_luck_.load(std::memory_order_relaxed);
  int next = std::max(luck - 1, -1);
  if (was_worth_it) next = std::min(luck + 1, luck_max);
  if (next != luck) queue_luck_.store(next, std::memory_order_relaxed);
}

bool Spinner::is_soon(std::uint32_t place, std::uint32_t workers) const {
  const Duration service = service_.load(std::memory_order_relaxed);
  return enabled_ && service > Duration::zero() && service <= spin_max_ &&
         place * service <= workers * soon;
}

// Written only when it has changed by a quarter: all callers read it.
void Spinner::note_service(Duration service_estimate) {
  const Duration before = service_.load(std::memory_order_relaxed);
  if (service_estimate > before + before / 4 || service_estimate < before - before / 4) {
    service_.store(service_estimate, std::memory_order_relaxed);
  }
}

// Several threads may do this at once; whichever is last is right enough.
void Spinner::note_turn(Instant begun, Instant ended) {
  const Duration crowded_for = crowded_for_.load(std::memory_order_relaxed);
  if (ended - begun > yield_max) {
    crowded_until_.store(core::after(ended, crowded_for), std::memory_order_relaxed);
    crowded_for_.store(std::min(2 * crowded_for, crowded_max), std::memory_order_relaxed);
  } else if (crowded_for > crowded_min &&
             ended > core::after(crowded_until_.load(std::memory_order_relaxed), crowded_for)) {
    crowded_for_.store(crowded_min, std::memory_order_relaxed);
  }
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
