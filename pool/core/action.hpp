// What the core decides: orders for whoever performs them (runtime or simulator), in the order in
// which they must be performed. Built like event.hpp: name and fields() for each.
#pragma once

#include <cstdint>
#include <tuple>
#include <type_traits>
#include <variant>

#include "ordeal/pool/error.hpp"
#include "pool/core/event.hpp"
#include "pool/core/ids.hpp"
#include "pool/core/lifecycle.hpp"
#include "pool/core/outliers.hpp"
#include "pool/core/time.hpp"

namespace ordeal::pool::core {

enum class InterruptReason : std::uint8_t {
  cancelled,
  worker_gone
};
enum class KillSignal : std::uint8_t {
  terminate,
  kill
};
enum class KillReason : std::uint8_t {
  start_timeout,
  fault,
  late_reply_overdue,
  partial_write,
  did_not_stop,
  stop_grace_over,
  unhealthy,  // failures_max failures in a row
  stuck,      // it cannot go on by itself (vigil.hpp)
  unwanted,   // a start that nobody needs any more: the pool shrinks, or its roll has failed
};

// Why a request is tried no more, though its error is one that a retry may mend.
enum class RetryStop : std::uint8_t {
  none,
  attempts,  // max_retries
  deadline,  // the pause would not end before it
  budget,    // the pool's retry budget is spent
  poisoned,  // workers enough have not survived it
  breaker,   // its circuit stays open for longer than max_delay
  told,      // the worker said that it will be of no use for longer than max_delay
};

// What observers are told (public face: ordeal/pool/events.hpp). Emitted only while enabled.
enum class Occurrence : std::uint8_t {
  request_submitted,
  request_granted,
  request_requeued,         // its worker was found unusable before a byte was written
  request_retry_scheduled,  // code: of the attempt; count: of retries; duration: the pause
  request_retry_exhausted,  // code: of the last attempt; count: of retries; stop: why no more
  request_resolved,         // code none: ok; duration: from submit
  worker_transition,        // from, to, reason
  worker_spawning,
  worker_start_failed,   // code says how; count: failures in a row
  worker_faulted,        // code says how
  health_probe_started,  // an idle worker is pinged
  health_probe_ended,    // code none: answered; duration: since the ping
  worker_unhealthy,      // gets no work; code says why; count: failures in a row
  worker_recovered,      // duration: unhealthy for so long
  worker_stuck,          // has a request and is stuck; stuck: how; duration: for so long at least
  worker_goes_on,        // of one that was
  start_extended,        // has reported progress, and gets more time; count: how often by now
  worker_ejected,        // outlier: why; count: how often by now; duration: for so long
  worker_readmitted,     // of one that was
  start_backing_off,     // duration: until the next start
  start_circuit_opened,
  start_circuit_closed,
  queue_full,
  overload_began,           // the queue stands: who has waited for long is shed; count: waiters
  overload_ended,           // likewise
  lease_overdue,            // duration: held for so long, lease_limit
  session_bound,            // to its first worker
  session_rebound,          // worker_before: gone, or busy for too long
  session_binding_expired,  // the session was not used for affinity_timeout
  session_binding_evicted,  // affinity_bindings_max newer sessions are known
  session_bindings_lost,    // count: sessions whose worker is gone
  session_wait_over,        // its worker was busy for affinity_wait; any will do
  // A circuit's transitions: circuit, circuit_from, circuit_to; count: failures before it.
  breaker_opened,       // duration: until trials are let through
  breaker_reopened,     // as breaker_opened: a trial failed, or none came back in time
  breaker_half_opened,  // trials are let through
  breaker_closed,
  breaker_ordered,  // by hand
  pool_resized,     // count: the new size
  pool_paused,      // admission
  pool_draining,    // admission
  pool_resumed,     // admission
  worker_retiring,  // reason; another is started to take its place
  roll_started,     // count: the generation; as all of these
  roll_settled,     // one of its workers is ready: it is what is started from now on
  roll_finished,    // no worker of another generation serves any more
  roll_failed,      // code, worker: of the one that did not come up; all goes back
  pool_stopping,
  pool_stopped,
};

namespace action {

// Start a process for this worker. Answer with WorkerReady, WorkerFaulted or WorkerExited.
struct Spawn {
  WorkerId worker;
  bool overflow = false;
  std::uint64_t generation = 1;  // of its program
  static constexpr const char* name = "spawn";
  static constexpr auto fields() {
    return std::tuple{field("worker", &Spawn::worker), field("overflow", &Spawn::overflow),
                      field("generation", &Spawn::generation)};
  }
};

// The ticket may talk to the worker in this slot. Answer with exactly one ExchangeEnded.
struct Grant {
  TicketId ticket;
  WorkerId worker;
  std::uint32_t slot = 0;
  std::uint32_t attempt = 1;
  AffinityOutcome affinity = AffinityOutcome::none;
  static constexpr const char* name = "grant";
  static constexpr auto fields() {
    return std::tuple{field("ticket", &Grant::ticket), field("worker", &Grant::worker),
                      field("slot", &Grant::slot), field("attempt", &Grant::attempt),
                      field("affinity", &Grant::affinity)};
  }
};

// The ticket's one and only outcome. code none: ok. The ticket's index is free from now on.
struct Resolve {
  TicketId ticket;
  ErrorCode code = ErrorCode::none;
  // The last one that had it, if any; session_state_lost: the one that its session is bound to now.
  WorkerId worker;
  std::uint32_t attempts = 0;
  // Before the one that `code` tells of, an attempt may have taken effect.
  bool maybe_ran = false;
  // With circuit_open and deadline_unreachable; Duration::max(): nobody knows.
  Duration retry_after{};
  static constexpr const char* name = "resolve";
  static constexpr auto fields() {
    return std::tuple{
        field("ticket", &Resolve::ticket),       field("code", &Resolve::code),
        field("worker", &Resolve::worker),       field("attempts", &Resolve::attempts),
        field("maybe_ran", &Resolve::maybe_ran), field("retry_after", &Resolve::retry_after)};
  }
};

// The ticket has failed so, and pauses: it holds no worker, and is granted another or resolved
// later. What is to be kept of its last worker must be kept now.
struct Pause {
  TicketId ticket;
  ErrorCode code = ErrorCode::none;
  WorkerId worker;  // the last one that had it, if any
  std::uint32_t retry = 1;
  Duration delay{};
  static constexpr const char* name = "pause";
  static constexpr auto fields() {
    return std::tuple{field("ticket", &Pause::ticket), field("code", &Pause::code),
                      field("worker", &Pause::worker), field("retry", &Pause::retry),
                      field("delay", &Pause::delay)};
  }
};

// Make the driver of this granted ticket end its exchange now. It answers with ExchangeEnded as
// for any other end (a reply that came first still counts). Given at most once for each reason.
struct Interrupt {
  TicketId ticket;
  WorkerId worker;
  InterruptReason reason = InterruptReason::cancelled;
  static constexpr const char* name = "interrupt";
  static constexpr auto fields() {
    return std::tuple{field("ticket", &Interrupt::ticket), field("worker", &Interrupt::worker),
                      field("reason", &Interrupt::reason)};
  }
};

// Read and discard the late reply of this slot; answer with LateReplyDrained or WorkerFaulted, or
// not at all: the core's own timer ends the quarantine.
struct Drain {
  WorkerId worker;
  std::uint32_t slot = 0;
  static constexpr const char* name = "drain";
  static constexpr auto fields() {
    return std::tuple{field("worker", &Drain::worker), field("slot", &Drain::slot)};
  }
};

// Ping an idle worker; answer with ProbeEnded or WorkerFaulted, whenever that is, or not at all:
// the core's own timer ends the wait. `again`: its last ping is unanswered, and is waited for once
// more; there is nothing to be sent.
struct Probe {
  WorkerId worker;
  bool again = false;
  static constexpr const char* name = "probe";
  static constexpr auto fields() {
    return std::tuple{field("worker", &Probe::worker), field("again", &Probe::again)};
  }
};

// See what the worker has said by now, and what its process does; answer with WorkerLooked, and
// tell first what there is to tell (that it is ready, that it has exited).
struct Look {
  WorkerId worker;
  static constexpr const char* name = "look";
  static constexpr auto fields() { return std::tuple{field("worker", &Look::worker)}; }
};

// Before it is killed for this reason: let the worker write down where it stands, and answer with
// StacksDumped; the core's own timer ends the wait.
struct DumpStacks {
  WorkerId worker;
  KillReason reason{};
  static constexpr const char* name = "dump_stacks";
  static constexpr auto fields() {
    return std::tuple{field("worker", &DumpStacks::worker), field("reason", &DumpStacks::reason)};
  }
};

// The worker gets no more requests; when it has none in hand it is asked to leave. Its end is no
// loss: whatever it is that ends it from now on, this is why it had to go.
struct Withdraw {
  WorkerId worker;
  TransitionReason reason{};
  static constexpr const char* name = "withdraw";
  static constexpr auto fields() {
    return std::tuple{field("worker", &Withdraw::worker), field("reason", &Withdraw::reason)};
  }
};

// The worker gets nothing more until it is readmitted, as it stands out from the others; its
// sessions are bound anew. Nothing is to be done about its process.
struct Eject {
  WorkerId worker;
  OutlierReason reason{};
  Duration duration{};  // at most: it may be needed before
  static constexpr const char* name = "eject";
  static constexpr auto fields() {
    return std::tuple{field("worker", &Eject::worker), field("reason", &Eject::reason),
                      field("duration", &Eject::duration)};
  }
};
struct Readmit {
  WorkerId worker;
  static constexpr const char* name = "readmit";
  static constexpr auto fields() { return std::tuple{field("worker", &Readmit::worker)}; }
};

// Ask an idle worker to leave: `shutdown` command, then end-of-file. The core escalates by itself.
struct AskToStop {
  WorkerId worker;
  TransitionReason reason{};
  static constexpr const char* name = "ask_to_stop";
  static constexpr auto fields() {
    return std::tuple{field("worker", &AskToStop::worker), field("reason", &AskToStop::reason)};
  }
};

// Plain starts are of this generation from now on: what is kept of another's (a template, spares)
// is of no use any more.
struct SettleGeneration {
  std::uint64_t generation = 1;
  static constexpr const char* name = "settle_generation";
  static constexpr auto fields() {
    return std::tuple{field("generation", &SettleGeneration::generation)};
  }
};

// Signal the worker's whole process group. A worker whose process is gone already: no-op.
struct Kill {
  WorkerId worker;
  KillSignal signal = KillSignal::kill;
  KillReason reason = KillReason::fault;
  static constexpr const char* name = "kill";
  static constexpr auto fields() {
    return std::tuple{field("worker", &Kill::worker), field("signal", &Kill::signal),
                      field("reason", &Kill::reason)};
  }
};

// The worker's record is gone and no driver holds it: free what belongs to it.
struct Forget {
  WorkerId worker;
  static constexpr const char* name = "forget";
  static constexpr auto fields() { return std::tuple{field("worker", &Forget::worker)}; }
};

// No request of the session is open and it is bound to nobody: its number is free.
struct ForgetSession {
  std::uint32_t session = no_session;
  static constexpr const char* name = "forget_session";
  static constexpr auto fields() { return std::tuple{field("session", &ForgetSession::session)}; }
};

struct Emit {
  Occurrence what{};
  RetryStop stop{};            // request_retry_exhausted
  AffinityOutcome affinity{};  // request_granted
  std::uint32_t session = no_session;
  TicketId ticket{};
  WorkerId worker{};
  ErrorCode code = ErrorCode::none;
  bool maybe_ran = false;  // request_resolved: as Resolve's
  WorkerState from{};
  WorkerState to{};
  TransitionReason reason{};
  std::uint32_t count = 0;
  Duration duration{};
  std::uint64_t worker_before = 0;  // session_rebound: serial
  CircuitId circuit{};
  CircuitState circuit_from{};
  CircuitState circuit_to{};
  Stuck stuck{};  // worker_stuck, worker_goes_on
  OutlierReason outlier{};
  static constexpr const char* name = "emit";
  static constexpr auto fields() {
    return std::tuple{field("what", &Emit::what),
                      field("ticket", &Emit::ticket),
                      field("worker", &Emit::worker),
                      field("code", &Emit::code),
                      field("from", &Emit::from),
                      field("to", &Emit::to),
                      field("reason", &Emit::reason),
                      field("count", &Emit::count),
                      field("duration", &Emit::duration),
                      field("stop", &Emit::stop),
                      field("session", &Emit::session),
                      field("affinity", &Emit::affinity),
                      field("worker_before", &Emit::worker_before),
                      field("maybe_ran", &Emit::maybe_ran),
                      field("circuit", &Emit::circuit),
                      field("circuit_from", &Emit::circuit_from),
                      field("circuit_to", &Emit::circuit_to),
                      field("stuck", &Emit::stuck),
                      field("outlier", &Emit::outlier)};
  }
};

// Every worker is gone, every ticket resolved; nothing will follow.
struct Stopped {
  static constexpr const char* name = "stopped";
  static constexpr auto fields() { return std::tuple{}; }
};

}  // namespace action

using Action = std::variant<action::Spawn, action::Grant, action::Resolve, action::Pause,
                            action::Interrupt, action::Drain, action::Probe, action::Look,
                            action::DumpStacks, action::Withdraw, action::Eject, action::Readmit,
                            action::AskToStop, action::SettleGeneration, action::Kill,
                            action::Forget, action::ForgetSession, action::Emit, action::Stopped>;
static_assert(std::is_trivially_copyable_v<Action>);

}  // namespace ordeal::pool::core
