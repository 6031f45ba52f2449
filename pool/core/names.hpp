// The names of the core's enumerators, for traces and for people.
//
// names<E> lists them in the enum's order. To add an enumerator: add its name here; the assertion
// beside the list says so if it is forgotten.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

#include "pool/core/action.hpp"
#include "pool/core/core.hpp"

namespace ordeal::pool::core {

template <typename E>
struct Names;

template <typename E>
[[nodiscard]] constexpr std::string_view name_of(E value) {
  const auto at = static_cast<std::size_t>(value);
  return at < Names<E>::all.size() ? Names<E>::all[at] : std::string_view{"?"};
}

template <typename E>
[[nodiscard]] constexpr std::optional<E> value_of(std::string_view name) {
  for (std::size_t i = 0; i < Names<E>::all.size(); ++i) {
    if (Names<E>::all[i] == name) return static_cast<E>(i);
  }
  return std::nullopt;
}

// `last` is the enum's last enumerator: as many names as there are values.
template <typename E, std::size_t N>
constexpr bool covers(const std::array<std::string_view, N>&, E last) {
  return N == static_cast<std::size_t>(last) + 1;
}

template <>
struct Names<WireProgress> {
  static constexpr std::array<std::string_view, 3> all{"untouched", "partial", "written"};
  static_assert(covers(all, WireProgress::written));
};

template <>
struct Names<ExchangeVerdict> {
  static constexpr std::array<std::string_view, 6> all{"replied", "application_error", "violated",
                                                       "lost",    "timed_out",         "cancelled"};
  static_assert(covers(all, ExchangeVerdict::cancelled));
};

template <>
struct Names<WorkerState> {
  static constexpr std::array<std::string_view, 6> all{"initializing", "ready",       "busy",
                                                       "degraded",     "terminating", "terminated"};
  static_assert(covers(all, WorkerState::terminated));
};

template <>
struct Names<TransitionReason> {
  static constexpr std::array<std::string_view, 20> all{"start_complete",
                                                        "checkout",
                                                        "checkin",
                                                        "late_reply_outstanding",
                                                        "late_reply_drained",
                                                        "health_check_failed",
                                                        "health_restored",
                                                        "failures_max",
                                                        "stuck",
                                                        "fault",
                                                        "start_failed",
                                                        "idle_retire",
                                                        "drained",
                                                        "surplus",
                                                        "rolled",
                                                        "requests_max",
                                                        "age_max",
                                                        "memory_growth",
                                                        "stop",
                                                        "exited"};
  static_assert(covers(all, TransitionReason::exited));
};

template <>
struct Names<InterruptReason> {
  static constexpr std::array<std::string_view, 2> all{"cancelled", "worker_gone"};
  static_assert(covers(all, InterruptReason::worker_gone));
};

template <>
struct Names<KillSignal> {
  static constexpr std::array<std::string_view, 2> all{"terminate", "kill"};
  static_assert(covers(all, KillSignal::kill));
};

template <>
struct Names<KillReason> {
  static constexpr std::array<std::string_view, 9> all{
      "start_timeout", "fault",        "late_reply_overdue",
      "partial_write", "did_not_stop", "stop_grace_over",
      "unhealthy",     "stuck",        "unwanted"};
  static_assert(covers(all, KillReason::unwanted));
};

template <>
struct Names<Occurrence> {
  static constexpr std::array<std::string_view, 48> all{"request_submitted",
                                                        "request_granted",
                                                        "request_requeued",
                                                        "request_retry_scheduled",
                                                        "request_retry_exhausted",
                                                        "request_resolved",
                                                        "worker_transition",
                                                        "worker_spawning",
                                                        "worker_start_failed",
                                                        "worker_faulted",
                                                        "health_probe_started",
                                                        "health_probe_ended",
                                                        "worker_unhealthy",
                                                        "worker_recovered",
                                                        "worker_stuck",
                                                        "worker_goes_on",
                                                        "start_extended",
                                                        "worker_ejected",
                                                        "worker_readmitted",
                                                        "start_backing_off",
                                                        "start_circuit_opened",
                                                        "start_circuit_closed",
                                                        "queue_full",
                                                        "overload_began",
                                                        "overload_ended",
                                                        "lease_overdue",
                                                        "session_bound",
                                                        "session_rebound",
                                                        "session_binding_expired",
                                                        "session_binding_evicted",
                                                        "session_bindings_lost",
                                                        "session_wait_over",
                                                        "breaker_opened",
                                                        "breaker_reopened",
                                                        "breaker_half_opened",
                                                        "breaker_closed",
                                                        "breaker_ordered",
                                                        "pool_resized",
                                                        "pool_paused",
                                                        "pool_draining",
                                                        "pool_resumed",
                                                        "worker_retiring",
                                                        "roll_started",
                                                        "roll_settled",
                                                        "roll_finished",
                                                        "roll_failed",
                                                        "pool_stopping",
                                                        "pool_stopped"};
  static_assert(covers(all, Occurrence::pool_stopped));
};

template <>
struct Names<Activity> {
  static constexpr std::array<std::string_view, 5> all{"unknown", "computes", "waits", "locked",
                                                       "stopped"};
  static_assert(covers(all, Activity::stopped));
};

template <>
struct Names<OutlierReason> {
  static constexpr std::array<std::string_view, 3> all{"none", "failures", "latency"};
  static_assert(covers(all, OutlierReason::latency));
};

template <>
struct Names<Stuck> {
  static constexpr std::array<std::string_view, 4> all{"no", "silent", "stopped", "locked"};
  static_assert(covers(all, Stuck::locked));
};

template <>
struct Names<StuckKill> {
  static constexpr std::array<std::string_view, 3> all{"never", "proved", "silent"};
  static_assert(covers(all, StuckKill::silent));
};

template <>
struct Names<TicketStage> {
  static constexpr std::array<std::string_view, 4> all{"queued", "running", "awaiting_exit",
                                                       "backing_off"};
  static_assert(covers(all, TicketStage::backing_off));
};

template <>
struct Names<Timer> {
  static constexpr std::array<std::string_view, 21> all{
      "queue_deadline", "affinity_wait", "retry_pause",      "lease_limit",    "certificate",
      "start_timeout",  "stream_grace",  "quarantine_grace", "health_check",   "probe_timeout",
      "stack_grace",    "ask_grace",     "terminate_grace",  "age_max",        "ejection",
      "outlier_sweep",  "overflow_idle", "start_backoff",    "binding_expiry", "half_open",
      "stop_grace"};
  static_assert(covers(all, Timer::stop_grace));
};

template <>
struct Names<Admission> {
  static constexpr std::array<std::string_view, 3> all{"open", "paused", "draining"};
  static_assert(covers(all, Admission::draining));
};

template <>
struct Names<AffinityPolicy> {
  static constexpr std::array<std::string_view, 3> all{"none", "prefer", "strict"};
  static_assert(covers(all, AffinityPolicy::strict));
};

template <>
struct Names<AffinityOutcome> {
  static constexpr std::array<std::string_view, 4> all{"none", "bound", "hit", "rebound"};
  static_assert(covers(all, AffinityOutcome::rebound));
};

template <>
struct Names<RetryStop> {
  static constexpr std::array<std::string_view, 7> all{"none",     "attempts", "deadline", "budget",
                                                       "poisoned", "breaker",  "told"};
  static_assert(covers(all, RetryStop::told));
};

template <>
struct Names<Backoff> {
  static constexpr std::array<std::string_view, 6> all{"constant",  "linear",       "exponential",
                                                       "fibonacci", "decorrelated", "custom"};
  static_assert(covers(all, Backoff::custom));
};

template <>
struct Names<BreakerRule> {
  static constexpr std::array<std::string_view, 3> all{"consecutive", "call_rate", "time_rate"};
  static_assert(covers(all, BreakerRule::time_rate));
};

template <>
struct Names<BreakerKey> {
  static constexpr std::array<std::string_view, 3> all{"command", "pool", "call"};
  static_assert(covers(all, BreakerKey::call));
};

template <>
struct Names<CircuitState> {
  static constexpr std::array<std::string_view, 6> all{"closed",      "open",     "half_open",
                                                       "forced_open", "disabled", "observe"};
  static_assert(covers(all, CircuitState::observe));
};

template <>
struct Names<CircuitOrder> {
  static constexpr std::array<std::string_view, 6> all{"force_open", "disable", "observe",
                                                       "enable",     "reset",   "trip"};
  static_assert(covers(all, CircuitOrder::trip));
};

}  // namespace ordeal::pool::core
