// Which numbers of Status are metrics: one row for each series, rows of one metric together.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "ordeal/pool/status.hpp"

namespace ordeal::pool::observe {

struct StatusRow {
  std::string_view metric;  // without "ordeal_pool_"; a counter's ends with _total
  std::string_view help;    // of the metric; the first row's counts
  std::string_view label;   // its one label, or empty
  std::string_view value;
  double (*get)(const Status&);
};

template <auto Member>
double number(const Status& status) {
  return static_cast<double>(status.*Member);
}

template <auto Member>
double of_affinity(const Status& status) {
  return static_cast<double>(status.affinity.*Member);
}

template <CircuitState State>
double breakers_in(const Status& status) {
  return static_cast<double>(
      std::count_if(status.breakers.begin(), status.breakers.end(),
                    [](const BreakerStatus& breaker) { return breaker.state == State; }));
}

inline double resident_bytes(const Status& status) {
  std::int64_t kib = 0;
  for (const WorkerStatus& worker : status.workers) kib += worker.rss_kib > 0 ? worker.rss_kib : 0;
  return static_cast<double>(kib) * 1024;
}

using S = Status;
using A = AffinityStatus;

inline constexpr auto status_rows = std::to_array<StatusRow>({
    {"workers", "Workers by state.", "state", "starting", number<&S::starting>},
    {"workers", "", "state", "idle", number<&S::idle>},
    {"workers", "", "state", "busy", number<&S::busy>},
    {"workers", "", "state", "degraded", number<&S::degraded>},
    {"workers", "", "state", "terminating", number<&S::terminating>},
    {"workers_wanted", "Workers kept (option size, or as resized).", "", "", number<&S::size>},
    {"workers_overflow_limit", "Further workers at most (option overflow).", "", "",
     number<&S::overflow>},
    {"workers_resident_memory_bytes", "Resident memory of all workers together.", "", "",
     resident_bytes},
    {"utilisation_ratio", "Busy workers among those that are alive, 0 to 1.", "", "",
     [](const Status& status) { return status.utilisation(); }},
    {"queue_depth", "Requests waiting for a worker.", "", "", number<&S::queue_depth>},
    {"queue_limit", "Requests that may wait (option queue_max).", "", "", number<&S::queue_max>},
    {"requests_running", "Requests in a worker's hands.", "", "", number<&S::running>},
    {"requests_backing_off", "Requests pausing before a retry.", "", "", number<&S::backing_off>},
    {"stopping", "1 while the pool stops, and afterwards.", "", "", number<&S::stopping>},
    {"start_circuit_open", "1 while no worker is alive and starts keep failing.", "", "",
     number<&S::start_circuit_open>},
    {"requests_submitted_total", "Requests submitted.", "", "", number<&S::submitted>},
    {"requests_total", "Requests resolved, by outcome.", "outcome", "ok", number<&S::ok>},
    {"requests_total", "", "outcome", "failed", number<&S::failed>},
    {"requests_total", "", "outcome", "timed_out", number<&S::timed_out>},
    {"requests_total", "", "outcome", "rejected", number<&S::rejected>},
    {"requests_total", "", "outcome", "shed", number<&S::shed>},
    {"requests_total", "", "outcome", "cancelled", number<&S::cancelled>},
    {"requests_requeued_total", "Requests put back into the queue: their worker was unusable.", "",
     "", number<&S::requeued>},
    {"worker_spawns_total", "Workers started.", "", "", number<&S::spawns>},
    {"workers_lost_total", "Workers that died or had to be killed after they had been ready.", "",
     "", number<&S::workers_lost>},
    {"workers_recycled_total",
     "Workers replaced by order, count, age or memory, while others served.", "", "",
     number<&S::workers_recycled>},
    {"leases_overdue_total", "Leases held for longer than the option lease_limit_ms.", "", "",
     number<&S::leases_overdue>},
    {"generation", "Generation of the worker program: one more with each roll.", "", "",
     number<&S::generation>},
    {"late_replies_drained_total", "Replies that came after their caller had given up.", "", "",
     number<&S::late_replies_drained>},
    {"health_probes_total", "Pings of idle workers.", "", "", number<&S::probes>},
    {"worker_recovered_total", "Unhealthy workers that got well again.", "", "",
     number<&S::workers_recovered>},
    {"workers_ejected", "Workers that get no work for a while, since they stood out.", "", "",
     number<&S::ejected>},
    {"worker_ejections_total", "Ejections of workers that stood out from the others.", "", "",
     number<&S::ejections>},
    {"concurrency_limit", "Requests that may be in the pool at once (option limit.max); 0: any.",
     "", "", number<&S::limit>},
    {"worker_stuck_total", "Workers found stuck with a request in hand.", "", "",
     number<&S::workers_stuck>},
    {"session_bindings", "Sessions bound to a worker.", "", "", of_affinity<&A::bindings>},
    {"session_grants_total",
     "Requests of sessions given a worker: the one that the session was bound to (hit) or another.",
     "affinity", "hit", of_affinity<&A::hits>},
    {"session_grants_total", "", "affinity", "miss", of_affinity<&A::misses>},
    {"session_rebinds_total", "Sessions bound to another worker than before.", "", "",
     of_affinity<&A::rebinds>},
    {"session_waits_over_total", "Waits for a session's busy worker that were given up.", "", "",
     of_affinity<&A::waits_over>},
    {"session_bindings_ended_total", "Bindings that ended: unused, too many, or worker gone.",
     "reason", "expired", of_affinity<&A::expired>},
    {"session_bindings_ended_total", "", "reason", "evicted", of_affinity<&A::evicted>},
    {"session_bindings_ended_total", "", "reason", "lost", of_affinity<&A::lost>},
    {"breakers", "Circuits known, by state.", "state", "closed", breakers_in<CircuitState::closed>},
    {"breakers", "", "state", "open", breakers_in<CircuitState::open>},
    {"breakers", "", "state", "half_open", breakers_in<CircuitState::half_open>},
    {"breakers", "", "state", "forced_open", breakers_in<CircuitState::forced_open>},
    {"breakers", "", "state", "disabled", breakers_in<CircuitState::disabled>},
    {"breakers", "", "state", "observe", breakers_in<CircuitState::observe>},
    {"calls_unguarded_total", "Calls without a circuit, for want of a place for their key.", "", "",
     number<&S::calls_unguarded>},
    {"events_dropped_total", "Events not delivered to sinks, which were too slow.", "", "",
     number<&S::events_dropped>},
    {"sink_failures_total", "Events and callbacks at which a sink or callback threw.", "", "",
     number<&S::sink_failures>},
    {"warden_restarts_total", "Times the process that guards against orphans was replaced.", "", "",
     number<&S::warden_restarts>},
});

}  // namespace ordeal::pool::observe
