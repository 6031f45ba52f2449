// What the core is told: facts, each with the instant at which it became known.
//
// Every event is a small trivially copyable struct with a name and a list of its fields, so that
// printing, recording (trace.hpp) and comparing need no code of their own for each. To add one:
// define the struct with name and fields(), add it to the variant, handle it in core.cpp; the
// recorder, the replayer and the simulator then know it.
#pragma once

#include <tuple>
#include <type_traits>
#include <variant>

#include "ordeal/pool/affinity.hpp"
#include "ordeal/pool/error.hpp"
#include "ordeal/pool/retry.hpp"
#include "pool/core/affinity.hpp"
#include "pool/core/circuit_breaker.hpp"
#include "pool/core/exchange_verdict.hpp"
#include "pool/core/field.hpp"
#include "pool/core/ids.hpp"
#include "pool/core/time.hpp"
#include "pool/core/vigil.hpp"

namespace ordeal::pool::core {

// Who may come in, and who is served.
enum class Admission : std::uint8_t {
  open,
  paused,    // whoever comes waits (queue_max holds); nobody is given a worker
  draining,  // who is in is served; whoever comes is turned away with pool_draining
};

namespace event {

// The pool begins: the first event, once. Starts the first workers.
struct Opened {
  static constexpr const char* name = "opened";
  static constexpr auto fields() { return std::tuple{}; }
};

// A caller wants a worker: for one exchange, or (lease) until it gives the worker back.
// REQUIRES: the ticket's serial is greater than every earlier one; its index is free.
struct Submitted {
  TicketId ticket;
  Instant deadline = never;
  bool idempotent = false;
  bool lease = false;
  RetryPolicy retry;
  // A dense number, free before the session's first request and after its ForgetSession.
  std::uint32_t session = no_session;
  AffinityPolicy affinity = AffinityPolicy::none;  // none iff no session
  // The serial of the worker that holds what the request needs; another will not do. 0: any will.
  std::uint64_t state_in_worker = 0;
  CircuitId circuit;  // that guards it; none: none does
  static constexpr const char* name = "submitted";
  static constexpr auto fields() {
    return std::tuple{field("ticket", &Submitted::ticket),
                      field("deadline", &Submitted::deadline),
                      field("idempotent", &Submitted::idempotent),
                      field("lease", &Submitted::lease),
                      field("retry", &Submitted::retry),
                      field("session", &Submitted::session),
                      field("affinity", &Submitted::affinity),
                      field("state_in_worker", &Submitted::state_in_worker),
                      field("circuit", &Submitted::circuit)};
  }
};

// The caller gave up. No effect on a ticket that is already resolved.
struct CancelRequested {
  TicketId ticket;
  static constexpr const char* name = "cancel_requested";
  static constexpr auto fields() { return std::tuple{field("ticket", &CancelRequested::ticket)}; }
};

// The worker's handshake succeeded. `slots`: how many requests it takes at once, at least 1.
// `beats`: it has promised heartbeats, several within each health_interval.
struct WorkerReady {
  WorkerId worker;
  std::uint32_t slots = 1;
  bool beats = false;
  static constexpr const char* name = "worker_ready";
  static constexpr auto fields() {
    return std::tuple{field("worker", &WorkerReady::worker), field("slots", &WorkerReady::slots),
                      field("beats", &WorkerReady::beats)};
  }
};

// A worker without a request in hand misbehaved: its handshake failed, or a late reply that was
// being drained was not what it had to be. The process may still be alive.
struct WorkerFaulted {
  WorkerId worker;
  ErrorCode code = ErrorCode::none;
  static constexpr const char* name = "worker_faulted";
  static constexpr auto fields() {
    return std::tuple{field("worker", &WorkerFaulted::worker), field("code", &WorkerFaulted::code)};
  }
};

// The worker's process is gone (reaped, or found gone), or could not be made at all.
struct WorkerExited {
  WorkerId worker;
  bool spawned = true;  // false: there never was a process
  // Ended by a SIGKILL that the pool did not send, with memory enough: somebody else's doing, and
  // no evidence about the program.
  bool by_outsider = false;
  static constexpr const char* name = "worker_exited";
  static constexpr auto fields() {
    return std::tuple{field("worker", &WorkerExited::worker),
                      field("spawned", &WorkerExited::spawned),
                      field("by_outsider", &WorkerExited::by_outsider)};
  }
};

// The driver of a granted ticket is done with the worker: the ticket's slot is no longer in
// anybody's hands. Each grant is answered by exactly one of these (for a lease: when it is given
// back, with the verdict of its last exchange, or `replied` if it made none).
// `code`: with `violated`, how; with `replied` or `application_error`, a fault noticed after the
// reply was complete (stray bytes behind it): the reply counts, the worker goes.
// `retryable`: with `application_error`, the worker said that trying again may help.
// `retry_after`: with `application_error`, trying again before that time is over will not help (the
// worker said so); zero: nobody knows.
// `callers_fault`: with `application_error`, what the caller asked for was wrong; no sign of the
// worker's health.
struct ExchangeEnded {
  TicketId ticket;
  ExchangeVerdict verdict = ExchangeVerdict::replied;
  WireProgress progress = WireProgress::written;
  ErrorCode code = ErrorCode::none;
  bool retryable = false;
  bool callers_fault = false;
  Duration retry_after{};
  static constexpr const char* name = "exchange_ended";
  static constexpr auto fields() {
    return std::tuple{field("ticket", &ExchangeEnded::ticket),
                      field("verdict", &ExchangeEnded::verdict),
                      field("progress", &ExchangeEnded::progress),
                      field("code", &ExchangeEnded::code),
                      field("retryable", &ExchangeEnded::retryable),
                      field("callers_fault", &ExchangeEnded::callers_fault),
                      field("retry_after", &ExchangeEnded::retry_after)};
  }
};

// The late reply of a quarantined slot has been read and discarded.
struct LateReplyDrained {
  WorkerId worker;
  std::uint32_t slot = 0;
  static constexpr const char* name = "late_reply_drained";
  static constexpr auto fields() {
    return std::tuple{field("worker", &LateReplyDrained::worker),
                      field("slot", &LateReplyDrained::slot)};
  }
};

// A worker has answered its ping. code none: as it should; else with an error reply. (What breaks
// the protocol is WorkerFaulted.)
struct ProbeEnded {
  WorkerId worker;
  ErrorCode code = ErrorCode::none;
  static constexpr const char* name = "probe_ended";
  static constexpr auto fields() {
    return std::tuple{field("worker", &ProbeEnded::worker), field("code", &ProbeEnded::code)};
  }
};

// The worker was looked at, as action::Look has ordered: exactly once for each order, unless it has
// exited. Whatever could be read of it by then (its handshake's end, say) was told before.
struct WorkerLooked {
  WorkerId worker;
  Activity activity = Activity::unknown;
  std::uint64_t trace = 0;    // as Sign has it, and so below
  std::uint32_t reports = 0;  // since the last look; of a start: of its template, too
  std::uint32_t beats = 0;
  static constexpr const char* name = "worker_looked";
  static constexpr auto fields() {
    return std::tuple{
        field("worker", &WorkerLooked::worker), field("activity", &WorkerLooked::activity),
        field("trace", &WorkerLooked::trace), field("reports", &WorkerLooked::reports),
        field("beats", &WorkerLooked::beats)};
  }
};

// The stacks of a worker that is about to be killed are there, or will never be.
struct StacksDumped {
  WorkerId worker;
  static constexpr const char* name = "stacks_dumped";
  static constexpr auto fields() { return std::tuple{field("worker", &StacksDumped::worker)}; }
};

// The session has ended: its binding is dropped, unless a request of it is open still.
struct SessionEnded {
  std::uint32_t session = no_session;
  static constexpr const char* name = "session_ended";
  static constexpr auto fields() { return std::tuple{field("session", &SessionEnded::session)}; }
};

// An operator wants the circuit in another state.
struct CircuitOrdered {
  CircuitId circuit;
  CircuitOrder order{};
  static constexpr const char* name = "circuit_ordered";
  static constexpr auto fields() {
    return std::tuple{field("circuit", &CircuitOrdered::circuit),
                      field("order", &CircuitOrdered::order)};
  }
};

// From now on the pool keeps so many workers. Surplus ones leave, idle ones first, none in the
// middle of a request.
struct ResizeOrdered {
  std::uint32_t size = 1;  // >= 1
  static constexpr const char* name = "resize_ordered";
  static constexpr auto fields() { return std::tuple{field("size", &ResizeOrdered::size)}; }
};

// The worker is to be replaced by another. No-op if it is on its way out, or starting.
struct ReplaceOrdered {
  WorkerId worker;
  static constexpr const char* name = "replace_ordered";
  static constexpr auto fields() { return std::tuple{field("worker", &ReplaceOrdered::worker)}; }
};

// Who is let in, and who is served. No-op in a pool that stops.
struct AdmissionOrdered {
  Admission admission = Admission::open;
  static constexpr const char* name = "admission_ordered";
  static constexpr auto fields() {
    return std::tuple{field("admission", &AdmissionOrdered::admission)};
  }
};

// All workers are to be replaced by workers of this generation, which is greater than every earlier
// one. No-op while a roll is under way, and in a pool that stops.
struct RollOrdered {
  std::uint64_t generation = 0;
  static constexpr const char* name = "roll_ordered";
  static constexpr auto fields() {
    return std::tuple{field("generation", &RollOrdered::generation)};
  }
};

// The worker's process was seen to have so much memory of its own.
struct WorkerMeasured {
  WorkerId worker;
  std::uint64_t rss_kib = 0;
  static constexpr const char* name = "worker_measured";
  static constexpr auto fields() {
    return std::tuple{field("worker", &WorkerMeasured::worker),
                      field("rss_kib", &WorkerMeasured::rss_kib)};
  }
};

// Nothing but time has passed. Spurious ones are no-ops.
struct TimePassed {
  static constexpr const char* name = "time_passed";
  static constexpr auto fields() { return std::tuple{}; }
};

// No new work; running requests may finish until now + grace; then everything is killed.
// A second Stop can only shorten the grace.
struct StopRequested {
  Duration grace{};
  static constexpr const char* name = "stop_requested";
  static constexpr auto fields() { return std::tuple{field("grace", &StopRequested::grace)}; }
};

}  // namespace event

using Event =
    std::variant<event::Opened, event::Submitted, event::CancelRequested, event::WorkerReady,
                 event::WorkerFaulted, event::WorkerExited, event::ExchangeEnded,
                 event::LateReplyDrained, event::ProbeEnded, event::SessionEnded,
                 event::CircuitOrdered, event::ResizeOrdered, event::ReplaceOrdered,
                 event::AdmissionOrdered, event::RollOrdered, event::WorkerMeasured,
                 event::WorkerLooked, event::StacksDumped, event::TimePassed, event::StopRequested>;
static_assert(std::is_trivially_copyable_v<Event>);

}  // namespace ordeal::pool::core
