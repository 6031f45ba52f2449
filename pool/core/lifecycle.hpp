// The lifecycle of a worker: DSPex's six states and table (behaviour spec, section 5), amended so
// that a crash can be expressed from every state and a start can be given up.
//
//     initializing ──ready──▶ ready ◀──────▶ busy
//          │                  │  ▲            │
//          │                  ▼  │            │
//          │                 degraded ◀───────┘        degraded: alive, gets no work
//          │                  │                        (late reply outstanding, or unhealthy)
//          ├──────────────────┴──▶ terminating
//          └──▶ terminated ◀── from every state (a crash asks nobody)
//
// Invariants (numbers of behaviour spec, part B):
//   (18) Only transitions of the table succeed; a rejected one changes nothing.
//   (19) The history is a connected chain from `initializing`; durations >= 0; its length is
//   bounded
//        by history_max, and total() counts what was dropped too.
//   (20) `terminated` is absorbing; should_remove() stays true once true.
//   (21) can_accept_work() iff ready and healthy.
//   (22) degraded -> ready only if healthy.
// Not thread-safe; a value.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "pool/core/time.hpp"

namespace ordeal::pool::core {

enum class WorkerState : std::uint8_t {
  initializing,
  ready,
  busy,
  degraded,
  terminating,
  terminated,
};
inline constexpr std::size_t worker_state_count = 6;
[[nodiscard]] std::string_view to_string(WorkerState state);

enum class Health : std::uint8_t {
  unknown,
  healthy,
  unhealthy
};
[[nodiscard]] std::string_view to_string(Health health);

// Why a transition happened. DSPex's reasons, and those of the amended edges.
enum class TransitionReason : std::uint8_t {
  start_complete,
  checkout,
  checkin,
  late_reply_outstanding,
  late_reply_drained,
  health_check_failed,
  health_restored,
  failures_max,   // failed its health checks, or calls in time, too often in a row
  stuck,          // has a request and cannot go on by itself
  fault,          // broke the protocol, or its handshake failed
  start_failed,   // gave up on its start
  idle_retire,    // an overflow worker that nobody needed
  drained,        // an operator wanted it replaced
  surplus,        // the pool was made smaller
  rolled,         // its generation is not the wanted one
  requests_max,   // has served as many requests as it may
  age_max,        // has lived for as long as it may
  memory_growth,  // its memory grows and grows, or is too much
  stop,
  exited,
};
[[nodiscard]] std::string_view to_string(TransitionReason reason);

[[nodiscard]] bool is_allowed(WorkerState from, WorkerState to);

class Lifecycle {
 public:
  struct Entry {
    WorkerState from{};
    WorkerState to{};
    TransitionReason reason{};
    Instant at{};
    Duration in_previous_state{};
  };

  // REQUIRES: history_max > 0. Allocates the history once; transitions allocate nothing.
  Lifecycle(Instant now, std::size_t history_max);

  // Returns false, with nothing changed, if the table has no such edge, if time runs backwards, or
  // if a degraded worker that is not healthy were to become ready.
  [[nodiscard]] bool transition(Instant now, WorkerState to, TransitionReason reason);
  void set_health(Health health) { health_ = health; }

  [[nodiscard]] WorkerState state() const { return state_; }
  [[nodiscard]] Health health() const { return health_; }
  [[nodiscard]] Instant since() const { return since_; }
  [[nodiscard]] bool can_accept_work() const;
  [[nodiscard]] bool should_remove() const;
  [[nodiscard]] std::uint64_t total_transitions() const { return total_; }
  // Oldest first, at most history_max entries. Allocates.
  [[nodiscard]] std::vector<Entry> history() const;

 private:
  WorkerState state_ = WorkerState::initializing;
  Health health_ = Health::unknown;
  Instant since_;
  std::uint64_t total_ = 0;
  std::size_t history_max_;
  std::size_t oldest_ = 0;  // where the next entry goes once the ring is full
  std::vector<Entry> ring_;
};

}  // namespace ordeal::pool::core
