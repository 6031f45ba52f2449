// Which events are counted, and by what: one row for each of the core's occurrences, and of the
// events that the runtime tells by itself.
//
// To add an event: a row here. A metric of its own needs no code; events without one say why. Two
// rows may share a metric, told apart by a fixed label (their help is the first one's). The test
// beside it walks the enum, so a forgotten one is noticed.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "ordeal/pool/events.hpp"
#include "pool/core/names.hpp"

namespace ordeal::pool::observe {

// A member of PoolEvent that becomes a label of the same name.
enum class EventLabel : std::uint8_t {
  none,
  code,  // an event without a code is not counted then
  from,
  to,
  reason,
};

struct FixedLabel {
  std::string_view name;
  std::string_view value;
};

// An event of the core, or one of event_names.
struct EventName {
  constexpr EventName(core::Occurrence what) : text(core::name_of(what)) {}   // NOLINT: as meant
  constexpr EventName(std::string_view runtimes_own) : text(runtimes_own) {}  // NOLINT
  std::string_view text;
};

struct EventRow {
  EventName what;
  std::string_view metric;  // without "ordeal_pool_"; empty: not counted
  std::string_view help;    // of the metric; or why there is none
  std::array<EventLabel, 3> labels{};
  FixedLabel fixed{};
  // A histogram of the event's duration, beside the count or alone: "..._seconds", and its help.
  std::string_view seconds{};
  std::string_view seconds_help{};
};

using O = core::Occurrence;
using L = EventLabel;

inline constexpr auto event_rows = std::to_array<EventRow>({
    {O::request_submitted, "", "Status counts it exactly: requests_submitted_total"},
    {O::request_granted, "grants_total", "Exchanges begun: requests given a worker, each attempt."},
    {O::request_requeued, "", "Status counts it exactly: requests_requeued_total"},
    {O::request_retry_scheduled,
     "retries_total",
     "Retries scheduled, by the error code of the failed attempt.",
     {L::code}},
    {O::request_retry_exhausted,
     "retries_exhausted_total",
     "Requests tried no more though their error is one that a retry may mend, by what forbade it.",
     {L::reason}},
    {O::request_resolved,
     "request_errors_total",
     "Requests resolved with an error, by error code (ordeal-pool errors lists them).",
     {L::code}},
    {O::worker_transition,
     "worker_transitions_total",
     "Changes of workers' states. Into busy: checkouts; from busy to ready: check-ins.",
     {L::from, L::to, L::reason}},
    {O::worker_spawning, "", "Status counts it exactly: worker_spawns_total"},
    {O::worker_start_failed,
     "worker_start_failures_total",
     "Workers that did not become ready, by error code.",
     {L::code}},
    {O::worker_faulted,
     "worker_faults_total",
     "Workers that broke the protocol, by error code.",
     {L::code}},
    {O::health_probe_started, "", "Status counts it exactly: health_probes_total"},
    {.what = O::health_probe_ended,
     .metric = "health_probe_failures_total",
     .help = "Pings of idle workers that were not answered, by error code.",
     .labels = {L::code},
     .seconds = "health_probe_seconds",
     .seconds_help = "Time from a ping of an idle worker to its answer or failure."},
    {O::worker_unhealthy,
     "worker_unhealthy_total",
     "Workers that were found unhealthy and got no more work, by error code.",
     {L::code}},
    {.what = O::worker_recovered,
     .metric = "",
     .help = "Status counts it exactly: worker_recovered_total",
     .seconds = "worker_unhealthy_seconds",
     .seconds_help = "Time for which workers that got well had been unhealthy."},
    {O::worker_stuck,
     "worker_stuck_found_total",
     "Busy workers found stuck, by how: stopped, locked (in a lock cycle), silent (no heartbeat).",
     {L::reason}},
    {O::worker_goes_on, "", "the end of a worker_stuck; status shows who is"},
    {O::start_extended, "worker_start_extensions_total",
     "Starts given more time, since they have reported progress."},
    {O::worker_ejected,
     "worker_ejections_by_reason_total",
     "Ejections of workers that stood out from the others, by what: failures, latency.",
     {L::reason}},
    {O::worker_readmitted, "", "Status says who is out: workers_ejected"},
    {O::start_backing_off, "start_backoffs_total", "Pauses before the next start of a worker."},
    {O::start_circuit_opened,
     "start_circuit_transitions_total",
     "Openings and closings of the start circuit: no worker alive, and starts keep failing.",
     {},
     {"to", "open"}},
    {O::start_circuit_closed, "start_circuit_transitions_total", "", {}, {"to", "closed"}},
    {O::queue_full, "", "the request's outcome counts it: request_errors_total{code=queue_full}"},
    {O::overload_began,
     "overloads_total",
     "Overloads (option shed_target_ms): begun, ended.",
     {},
     {"stage", "began"}},
    {O::overload_ended, "overloads_total", "", {}, {"stage", "ended"}},
    {O::lease_overdue, "", "Status counts it exactly: leases_overdue_total"},
    {O::session_bound, "", "Status counts it exactly: session_grants_total{affinity=miss}"},
    {O::session_rebound, "", "Status counts it exactly: session_rebinds_total"},
    {O::session_binding_expired, "", "Status counts it exactly: session_bindings_ended_total"},
    {O::session_binding_evicted, "", "Status counts it exactly: session_bindings_ended_total"},
    {O::session_bindings_lost, "", "Status counts it exactly: session_bindings_ended_total"},
    {O::session_wait_over, "", "Status counts it exactly: session_waits_over_total"},
    {O::breaker_opened,
     "breaker_transitions_total",
     "Transitions of circuit breakers; by hand: ordered.",
     {L::from, L::to},
     {"transition", "opened"}},
    {O::breaker_reopened,
     "breaker_transitions_total",
     "",
     {L::from, L::to},
     {"transition", "reopened"}},
    {O::breaker_half_opened,
     "breaker_transitions_total",
     "",
     {L::from, L::to},
     {"transition", "half_opened"}},
    {O::breaker_closed,
     "breaker_transitions_total",
     "",
     {L::from, L::to},
     {"transition", "closed"}},
    {O::breaker_ordered,
     "breaker_transitions_total",
     "",
     {L::from, L::to},
     {"transition", "ordered"}},
    {O::pool_resized, "", "Status says it: workers_wanted"},
    {O::pool_paused,
     "admission_changes_total",
     "Times the pool was paused, drained or resumed by an operator.",
     {},
     {"to", "paused"}},
    {O::pool_draining, "admission_changes_total", "", {}, {"to", "draining"}},
    {O::pool_resumed, "admission_changes_total", "", {}, {"to", "open"}},
    {O::worker_retiring,
     "worker_retirements_total",
     "Workers that were chosen to be replaced, by reason. Crashes are workers_lost_total.",
     {L::reason}},
    {O::roll_started,
     "rolls_total",
     "Rolls to a new generation of workers: begun, settled, finished, given up.",
     {},
     {"stage", "started"}},
    {O::roll_settled, "rolls_total", "", {}, {"stage", "settled"}},
    {O::roll_finished, "rolls_total", "", {}, {"stage", "finished"}},
    {O::roll_failed, "rolls_total", "", {}, {"stage", "failed"}},
    {O::pool_stopping, "", "happens once; Status says it: stopping"},
    {O::pool_stopped, "", "happens once, and nobody asks after it"},
    {event_names::request_payload, "", "with log_payloads alone; what it holds is no label"},
    {event_names::warden_restarted, "", "Status counts it exactly: warden_restarts_total"},
    {event_names::template_started,
     "template_events_total",
     "What became of fork templates (option fork_template): started, ready, a spare ready, "
     "refused, died.",
     {},
     {"what", "started"}},
    {event_names::template_ready, "template_events_total", "", {}, {"what", "ready"}},
    {event_names::template_spare_ready, "template_events_total", "", {}, {"what", "spare_ready"}},
    {event_names::template_refused, "template_events_total", "", {}, {"what", "refused"}},
    {event_names::template_died, "template_events_total", "", {}, {"what", "died"}},
    {event_names::recovery_started,
     "recovery_started_total",
     "Recoveries begun, by what is done: retry, failover, circuit_break, abandon, custom.",
     {L::reason}},
    {event_names::recovery_succeeded,
     "recovery_ended_total",
     "Recoveries ended, by what was done and how it ended.",
     {L::reason},
     {"outcome", "succeeded"},
     "recovery_duration_seconds",
     "Time from an error's being given to Recovery to the outcome."},
    {event_names::recovery_failed,
     "recovery_ended_total",
     "",
     {L::reason},
     {"outcome", "failed"},
     "recovery_duration_seconds"},
    {event_names::recovery_cancelled,
     "recovery_ended_total",
     "",
     {L::reason},
     {"outcome", "cancelled"},
     "recovery_duration_seconds"},
    {event_names::recovery_timed_out,
     "recovery_ended_total",
     "",
     {L::reason},
     {"outcome", "timed_out"},
     "recovery_duration_seconds"},
});

}  // namespace ordeal::pool::observe
