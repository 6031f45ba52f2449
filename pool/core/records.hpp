// What the core keeps of each worker and of each ticket. Internal: only core/*.cpp include it.
#pragma once

#include <cstdint>
#include <vector>

#include "ordeal/pool/affinity.hpp"
#include "ordeal/pool/error.hpp"
#include "ordeal/pool/retry.hpp"
#include "pool/core/action.hpp"
#include "pool/core/affinity.hpp"
#include "pool/core/health.hpp"
#include "pool/core/ids.hpp"
#include "pool/core/lifecycle.hpp"
#include "pool/core/memory_trend.hpp"
#include "pool/core/outliers.hpp"
#include "pool/core/timer_queue.hpp"
#include "pool/core/vigil.hpp"

namespace ordeal::pool::core {

inline constexpr std::uint32_t no_index = UINT32_MAX;

// A slot of a worker: one request at a time.
//
//     free ──grant──▶ granted ──replied──▶ free
//      ▲                │ │
//      │                │ └──timed out or cancelled, frame written──▶ dirty ──drained──▶ free
//      └──worker gone── lost ◀──stream lost──┘ (of granted)
struct Slot {
  enum class Use : std::uint8_t {
    free,
    granted,  // in a driver's hands
    lost,     // the driver is done; the ticket waits for the worker's exit to be known
    dirty,    // a late reply is outstanding
  };
  Use use = Use::free;
  std::uint32_t ticket = no_index;  // granted, lost
  TimerHandle quarantine;           // dirty
  Instant taken_at{};               // not free: since then
};

struct Worker {
  WorkerId id;  // serial 0: the record is free
  Lifecycle lifecycle{Instant{}, 1};
  Instant spawned_at{};
  Instant ready_at{};
  std::vector<Slot> slots;
  std::uint32_t slots_granted = 0;
  std::uint32_t slots_lost = 0;
  std::uint32_t slots_dirty = 0;
  std::uint64_t served = 0;
  TimerHandle timer;  // of the phase it is in: start, stream, stacks, ask or terminate
  HealthCheck health;
  TimerHandle health_timer;     // health_check, or probe_timeout while an answer is waited for
  Performance performance;      // since the workers were compared last
  std::uint32_t ejections = 0;  // that count towards the next one's length
  bool ejected = false;
  Instant ejected_until = never;
  TimerHandle ejection_timer;
  Vigil vigil;
  bool beats = false;            // has promised to
  bool look_awaited = false;     // a start whose time is over, unless it is found ready
  std::uint32_t extensions = 0;  // of its start
  bool dumps_stacks = false;     // is killed when they are there
  KillReason kill_reason{};      // of that
  std::uint64_t generation = 1;
  std::uint64_t requests_max = 0;  // then it is replaced; 0: never
  TimerHandle age_timer;
  MemoryTrend memory;
  // How it is to be replaced: see replacing.cpp.
  TransitionReason leaves_for{};  // marked, withdrawn
  std::uint64_t mark = 0;         // marked: in which order
  bool marked = false;            // is to be replaced
  bool admitted = false;          // marked, and one of replace_parallel_max
  bool withdrawn = false;         // gets no more requests, though it is in service
  bool unwanted = false;          // a start that was given up without a fault of its own
  bool overflow = false;
  bool takes_start = false;    // counts against starts_parallel_max: until ready or exited
  bool exited = false;         // its process is known to be gone: never signalled again
  bool kill_sent = false;      // SIGKILL
  bool stream_closed = false;  // lost its stream and lived on, until the core killed it
  bool stop_killed = false;    // killed since the pool's stop waits no longer
  bool available = false;      // in the list of those with a free slot
  bool probed = false;         // idle, and not available until its ping is answered
  std::uint32_t newer = no_index;
  std::uint32_t older = no_index;

  // Ready, busy or degraded.
  [[nodiscard]] bool in_service() const {
    return lifecycle.state() != WorkerState::initializing && !lifecycle.should_remove();
  }
};

struct Ticket {
  enum class Stage : std::uint8_t {
    none,
    queued,
    running,
    awaiting_exit,
    backing_off
  };
  TicketId id;
  Stage stage = Stage::none;
  bool lease = false;
  bool idempotent = false;
  bool cancel_requested = false;
  bool told_worker_gone = false;
  bool reply_truncated = false;         // its worker's stream ended inside a frame
  bool may_retry = false;               // its policy allows any; then see retries_
  bool maybe_ran = false;               // an attempt may have taken effect
  bool earned = false;                  // its first attempt has filled the budget
  bool charged = false;                 // for a retry that has not begun
  bool kept_to_worker = false;          // has waited for its session's worker alone
  bool guarded = false;                 // by a circuit; then see guards_
  ErrorCode failure = ErrorCode::none;  // of the last attempt that a worker had seen
  std::uint32_t session = no_session;   // see in_sessions_
  Instant deadline = never;
  Instant submitted_at{};
  Instant waits_since{};  // queued
  WorkerId worker;        // that it was granted last
  WorkerId failed_on;     // that had seen it when its last attempt failed
  std::uint32_t slot = 0;
  std::uint32_t attempts = 0;
  // queued: queue_deadline; running, a lease: lease_limit; awaiting_exit: certificate; backing_off:
  // its pause
  TimerHandle timer;
};

// Of a ticket that may be retried; apart from it, since most may not.
struct Retries {
  RetryPolicy policy;
  std::uint32_t scheduled = 0;
  std::uint32_t deaths = 0;  // workers that did not survive it
  Duration last_delay{};
};

// Of a ticket that a circuit guards; apart from it, since they may be switched off.
struct Guard {
  CircuitId circuit;
  bool has_permit = false;
  bool neutral = false;  // the attempt that ends says nothing about the worker
  std::uint64_t epoch = 0;
  Instant granted_at{};
};

// Of a ticket with a session; apart from it, since most may have none.
struct InSession {
  AffinityPolicy policy = AffinityPolicy::none;  // strict, if it relies on a worker's state
  std::uint64_t state_in_worker = 0;
  Instant wait_until{};  // prefer
  TimerHandle timer;     // affinity_wait, while in the lane of its session's worker
};

}  // namespace ordeal::pool::core
