// A consistent picture of a pool at one instant (taken under the pool's lock).
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ordeal/pool/breaker.hpp"

namespace ordeal::pool {

struct TransitionRecord {
  std::string_view from;
  std::string_view to;
  std::string_view reason;
  std::chrono::nanoseconds in_previous_state{};
};

struct WorkerStatus {
  std::uint64_t worker = 0;
  int pid = 0;              // 0: not spawned yet
  std::string_view state;   // initializing, ready, busy, degraded, terminating, terminated
  std::string_view health;  // healthy; unhealthy; unknown: starting, or it owes a late reply
  // It has a request and cannot go on: stopped, locked, silent (pool/core/vigil.hpp). Else empty.
  std::string_view stuck;
  std::chrono::nanoseconds ejected_for{};  // gets no work for so long, as it stood out; 0: it does
  std::uint32_t failures = 0;  // in a row: pings, and calls, that it did not answer in time
  std::chrono::nanoseconds age{};
  std::chrono::nanoseconds in_state{};
  std::uint64_t served = 0;
  std::uint64_t generation = 1;  // of its program (Pool::roll)
  // Why it is to be replaced (drained, rolled, requests_max, age_max, memory_growth), or leaves
  // (surplus); empty: it is to stay. Until it is withdrawn it serves on.
  std::string_view leaves_for;
  bool withdrawn = false;     // gets no more requests
  std::int64_t rss_kib = -1;  // -1: unknown
  std::uint64_t transitions_total = 0;
  std::vector<TransitionRecord> history;  // newest last, bounded
  std::uint32_t bindings = 0;             // sessions bound to it
  std::string last_progress;              // what the worker said last on its side channel
};

// The warm template of option fork_template.
struct TemplateStatus {
  std::string_view state;  // none, importing, ready, cold (workers start cold); empty: off
  int pid = 0;
  std::uint32_t spares = 0;      // forked workers in hand
  std::uint64_t generation = 0;  // templates started
  std::uint64_t forks = 0;
  std::uint64_t deaths = 0;
  std::chrono::milliseconds import_time{0};
  std::string reason;  // why it is cold, or died last
};

// Since the start, but for `bindings`. hits + misses: requests of sessions that got a worker.
struct AffinityStatus {
  std::uint32_t bindings = 0;  // sessions bound to a worker now
  std::uint64_t hits = 0;      // got the worker that the session was bound to
  std::uint64_t misses = 0;
  std::uint64_t rebinds = 0;     // of the misses: the session had been bound to another worker
  std::uint64_t waits_over = 0;  // `prefer`: the worker was busy for affinity_wait
  std::uint64_t expired = 0;
  std::uint64_t evicted = 0;
  std::uint64_t lost = 0;  // with their workers
};

// What spinning has cost since the start (option `spin`).
struct SpinStatus {
  std::uint64_t calls = 0;         // whose callers spun instead of going to sleep
  std::uint64_t in_vain = 0;       // of them: had to go to sleep all the same
  std::uint64_t reads_wasted = 0;  // reads that found nothing yet
  std::uint64_t yields = 0;        // times a spinner gave way to others (sched_yield)
};

struct Status {
  std::uint32_t size = 0;  // as resized last
  std::uint32_t overflow = 0;
  std::uint32_t starting = 0;
  std::uint32_t idle = 0;
  std::uint32_t busy = 0;
  std::uint32_t degraded = 0;
  std::uint32_t terminating = 0;
  std::uint32_t queue_depth = 0;
  std::uint32_t queue_max = 0;
  std::uint32_t running = 0;
  std::string_view admission = "open";  // open, paused, draining
  std::uint64_t generation = 1;         // of the worker program
  std::uint64_t rolling_to = 0;         // 0: no roll is under way
  std::uint64_t roll_failed = 0;        // the last generation that was given up; 0: none
  bool stopping = false;
  bool start_circuit_open = false;

  // Since the start. submitted = ok + failed + timed_out + rejected + shed + cancelled
  //                              + queue_depth + running + backing_off.
  std::uint64_t submitted = 0;
  std::uint64_t ok = 0;
  std::uint64_t failed = 0;
  std::uint64_t timed_out = 0;
  std::uint64_t rejected = 0;
  std::uint64_t shed = 0;
  std::uint64_t cancelled = 0;
  std::uint64_t backing_off = 0;
  std::uint64_t requeued = 0;
  std::uint64_t retries = 0;  // scheduled
  std::uint64_t spawns = 0;
  std::uint64_t start_failures = 0;
  std::uint64_t workers_lost = 0;
  std::uint64_t workers_recycled = 0;  // replaced by order, count, age or memory: no loss
  std::uint64_t late_replies_drained = 0;
  std::uint64_t probes = 0;             // pings sent to idle workers
  std::uint64_t probe_failures = 0;     // not answered in time, or with an error
  std::uint64_t workers_recovered = 0;  // unhealthy ones that answered again
  std::uint64_t ejections = 0;          // of workers that stood out from the others
  std::uint32_t ejected = 0;            // now
  std::uint32_t limit = 0;              // of requests in the pool, as it is now; 0: none
  std::uint64_t workers_stuck = 0;      // busy ones that were found stuck
  std::uint64_t leases_overdue = 0;     // were held for longer than lease_limit
  std::uint64_t events_dropped = 0;
  std::uint64_t sink_failures = 0;
  std::uint64_t warden_restarts = 0;
  int warden_pid = 0;
  TemplateStatus fork_template;
  bool record_stopped_early = false;  // record_bytes_max was reached

  AffinityStatus affinity;
  SpinStatus spin;

  std::vector<WorkerStatus> workers;    // by serial
  std::vector<BreakerStatus> breakers;  // circuits in use
  std::uint64_t calls_unguarded = 0;    // for want of a place within breaker.circuits_max

  [[nodiscard]] double utilisation() const {
    const std::uint32_t live = idle + busy + degraded;
    return live == 0 ? 0.0 : static_cast<double>(busy) / live;
  }
};

}  // namespace ordeal::pool
