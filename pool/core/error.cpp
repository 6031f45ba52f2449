// The table behind ordeal/pool/error.hpp: one row for each code, in the enum's order.
#include "ordeal/pool/error.hpp"

#include <array>
#include <csignal>
#include <cstring>

namespace ordeal::pool {
namespace {

using C = ErrorCategory;
using S = Severity;
constexpr auto failed = Certainty::failed;
constexpr auto indeterminate = Certainty::indeterminate;

struct Row {
  ErrorCode code;
  ErrorTraits traits;
};

// Severity: base severities of behaviour spec section 9 (initialization, resource, system critical;
// connection, communication, timeout, python major), lowered to minor where one request alone is
// concerned and nothing of the pool's is broken.
constexpr std::array<Row, error_code_count> table{{
    {ErrorCode::none, {"none", C::system, S::warning, failed, false, "no error"}},
    {ErrorCode::invalid_option,
     {"invalid_option", C::initialization, S::critical, failed, false,
      "an option is unknown or its value is out of range"}},
    {ErrorCode::not_built_yet,
     {"not_built_yet", C::initialization, S::minor, failed, false,
      "the option is known, and what it asks for is not built yet"}},
    {ErrorCode::invalid_arguments,
     {"invalid_arguments", C::communication, S::minor, failed, false,
      "the arguments are not a JSON object; no worker has seen them"}},
    {ErrorCode::unencodable_arguments,
     {"unencodable_arguments", C::communication, S::minor, failed, false,
      "the arguments cannot be written as JSON; no worker has seen them"}},
    {ErrorCode::request_too_large,
     {"request_too_large", C::communication, S::minor, failed, false,
      "the request is larger than frame_bytes_max; no worker has seen it"}},
    {ErrorCode::unrepresentable_value,
     {"unrepresentable_value", C::communication, S::minor, failed, false,
      "the worker answered, and its result has a value that the asked-for type cannot carry"}},
    {ErrorCode::queue_full,
     {"queue_full", C::resource, S::major, failed, true,
      "as many requests wait as queue_max allows"}},
    {ErrorCode::queue_timeout,
     {"queue_timeout", C::timeout, S::major, failed, true,
      "the deadline passed before a byte was written to a worker"}},
    {ErrorCode::workers_unavailable,
     {"workers_unavailable", C::initialization, S::critical, failed, true,
      "no worker is alive, and start_failures_max starts in a row have failed"}},
    {ErrorCode::pool_stopping,
     {"pool_stopping", C::resource, S::minor, failed, false, "the pool is stopping or stopped"}},
    {ErrorCode::cancelled,
     {"cancelled", C::timeout, S::minor, failed, false,
      "the caller gave up before a byte was written to a worker"}},
    {ErrorCode::spawn_failed,
     {"spawn_failed", C::initialization, S::critical, failed, true,
      "the system did not make the worker's process"}},
    {ErrorCode::start_exited,
     {"start_exited", C::initialization, S::critical, failed, true,
      "the worker's process ended before it was ready"}},
    {ErrorCode::start_timeout,
     {"start_timeout", C::initialization, S::critical, failed, true,
      "the worker was not ready within start_timeout"}},
    {ErrorCode::handshake_failed,
     {"handshake_failed", C::initialization, S::critical, failed, true,
      "the worker answered its start-up ping with something else than a success"}},
    {ErrorCode::protocol_unsupported,
     {"protocol_unsupported", C::initialization, S::critical, failed, false,
      "the worker insists on a protocol version that this pool does not speak"}},
    {ErrorCode::call_timeout,
     {"call_timeout", C::timeout, S::major, indeterminate, true,
      "the deadline passed with the request in a worker's hands"}},
    {ErrorCode::cancelled_in_flight,
     {"cancelled_in_flight", C::timeout, S::minor, indeterminate, false,
      "the caller gave up after a byte may have reached a worker"}},
    {ErrorCode::worker_died,
     {"worker_died", C::connection, S::major, indeterminate, true,
      "the worker's process ended with the request in its hands"}},
    {ErrorCode::worker_closed_stream,
     {"worker_closed_stream", C::connection, S::major, indeterminate, true,
      "the worker closed its side of the pipes and lived on; it was killed"}},
    {ErrorCode::stopped_in_flight,
     {"stopped_in_flight", C::resource, S::major, indeterminate, false,
      "the pool's stop did not wait longer for the request in a worker's hands"}},
    {ErrorCode::malformed_frame,
     {"malformed_frame", C::communication, S::major, indeterminate, true,
      "the worker sent a frame that is not JSON"}},
    {ErrorCode::malformed_reply,
     {"malformed_reply", C::communication, S::major, indeterminate, true,
      "the worker sent JSON that is not a reply"}},
    {ErrorCode::reply_id_mismatch,
     {"reply_id_mismatch", C::communication, S::major, indeterminate, true,
      "the worker answered another request than the one it had"}},
    {ErrorCode::reply_too_large,
     {"reply_too_large", C::communication, S::major, indeterminate, false,
      "the worker announced a frame larger than frame_bytes_max"}},
    {ErrorCode::truncated_reply,
     {"truncated_reply", C::communication, S::major, indeterminate, true,
      "the worker's stream ended in the middle of a frame"}},
    {ErrorCode::stray_output,
     {"stray_output", C::communication, S::major, indeterminate, true,
      "the worker wrote to its protocol stream without being asked"}},
    {ErrorCode::application_error,
     {"application_error", C::python, S::major, failed, false,
      "the worker's own code answered with an error; the worker is as good as before"}},
    {ErrorCode::would_deadlock,
     {"would_deadlock", C::system, S::major, failed, false,
      "a blocking call from a callback of the same pool could never end"}},
    {ErrorCode::used_after_fork,
     {"used_after_fork", C::system, S::critical, failed, false,
      "the pool belongs to the process that made it, not to a fork of it"}},
    {ErrorCode::session_not_found,
     {"session_not_found", C::session, S::minor, failed, false, "there is no such session"}},
    {ErrorCode::session_exists,
     {"session_exists", C::session, S::minor, failed, false,
      "a session of that name is there already"}},
    {ErrorCode::session_expired,
     {"session_expired", C::session, S::minor, failed, true,
      "the session was not used for session_ttl, and is gone; said once"}},
    {ErrorCode::invalid_session,
     {"invalid_session", C::session, S::minor, failed, false,
      "the session's name or the change asked for is not acceptable; nothing was changed"}},
    {ErrorCode::store_unavailable,
     {"store_unavailable", C::resource, S::critical, failed, true,
      "the session store cannot be read or written; what it held is as it was"}},
    {ErrorCode::store_version_unsupported,
     {"store_version_unsupported", C::resource, S::critical, failed, false,
      "the session store was written by a newer version; it was left alone"}},
    {ErrorCode::store_full,
     {"store_full", C::resource, S::major, failed, false,
      "the session store holds as much as it may; what it held is as it was"}},
    {ErrorCode::poisoned_request,
     {"poisoned_request", C::connection, S::major, indeterminate, false,
      "retry.poison_deaths_max workers have not survived the request; it is tried no more"}},
    {ErrorCode::health_check_failed,
     {"health_check_failed", C::health_check, S::minor, failed, true,
      "an idle worker did not answer its ping in time; said in events alone"}},
    {ErrorCode::session_state_lost,
     {"session_state_lost", C::session, S::major, failed, false,
      "the session is not bound to the worker that holds what the request relies on; nothing was "
      "sent"}},
    {ErrorCode::recovery_capacity_exceeded,
     {"recovery_capacity_exceeded", C::resource, S::major, failed, true,
      "as many recoveries are active as max_concurrent allows; this one was not begun"}},
    {ErrorCode::recovery_timeout,
     {"recovery_timeout", C::timeout, S::major, indeterminate, false,
      "a recovery's handler answered after its deadline; the answer was dropped"}},
    {ErrorCode::circuit_open,
     {"circuit_open", C::resource, S::major, failed, true,
      "too many calls of this key have failed; until retry_after is over none is let through"}},
    {ErrorCode::circuit_half_open_limit,
     {"circuit_half_open_limit", C::resource, S::minor, failed, true,
      "the circuit of this key is being tried out, and breaker.half_open_max trials are on"}},
    {ErrorCode::pool_draining,
     {"pool_draining", C::resource, S::major, failed, true,
      "an operator drains the pool: until it is resumed nothing more is let in"}},
    {ErrorCode::roll_failed,
     {"roll_failed", C::initialization, S::critical, failed, false,
      "the new generation did not come up healthy; the pool has gone back to the one before"}},
    {ErrorCode::roll_in_progress,
     {"roll_in_progress", C::resource, S::minor, failed, false,
      "another roll is under way; nothing was changed"}},
    {ErrorCode::worker_not_found,
     {"worker_not_found", C::resource, S::minor, failed, false,
      "no such worker serves; nothing was changed"}},
    {ErrorCode::operation_timeout,
     {"operation_timeout", C::timeout, S::minor, failed, false,
      "the operation goes on; its caller has waited for as long as it wanted to"}},
    {ErrorCode::deadline_unreachable,
     {"deadline_unreachable", C::resource, S::major, failed, true,
      "so many wait that the answer would come behind the deadline; it was not let in"}},
    {ErrorCode::request_shed,
     {"request_shed", C::resource, S::major, failed, true,
      "the queue stands (shed_target_ms), and the request had waited for too long at its turn"}},
    {ErrorCode::store_timeout,
     {"store_timeout", C::timeout, S::major, failed, true,
      "the session store was in others' hands until the deadline; what it held is as it was"}},
    {ErrorCode::concurrency_limited,
     {"concurrency_limited", C::resource, S::major, failed, true,
      "as many requests are in the pool as can be answered in good time (limit.max)"}},
}};

constexpr bool rows_follow_the_enum() {
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (static_cast<std::size_t>(table[i].code) != i) return false;
  }
  return true;
}
static_assert(rows_follow_the_enum());

}  // namespace

const ErrorTraits& traits(ErrorCode code) { return table[static_cast<std::size_t>(code)].traits; }

std::string_view to_string(ErrorCode code) { return traits(code).name; }

std::string_view to_string(ErrorCategory category) {
  switch (category) {
    case C::initialization:
      return "initialization";
    case C::connection:
      return "connection";
    case C::communication:
      return "communication";
    case C::timeout:
      return "timeout";
    case C::resource:
      return "resource";
    case C::health_check:
      return "health_check";
    case C::session:
      return "session";
    case C::python:
      return "python";
    case C::system:
      return "system";
  }
  return "?";
}

std::string_view to_string(Severity severity) {
  switch (severity) {
    case S::warning:
      return "warning";
    case S::minor:
      return "minor";
    case S::major:
      return "major";
    case S::critical:
      return "critical";
  }
  return "?";
}

std::string_view to_string(Certainty certainty) {
  return certainty == Certainty::failed ? "failed" : "indeterminate";
}

std::string_view to_string(OutOfMemory out_of_memory) {
  switch (out_of_memory) {
    case OutOfMemory::no:
      return "no";
    case OutOfMemory::possible:
      return "possible";
    case OutOfMemory::unknown:
      return "unknown";
  }
  return "?";
}

bool Error::retryable() const {
  if (application && application->retryable) return *application->retryable;
  return traits(code).retryable;
}

std::string DeathCertificate::summary() const {
  std::string text = "pid " + std::to_string(pid);
  if (!retired_for.empty()) text += " recycled (" + retired_for + "):";
  if (!status_known) {
    text += " gone, status unknown";
  } else if (exit_code) {
    text += " exited with status " + std::to_string(*exit_code);
  } else if (term_signal) {
    const char* name = sigabbrev_np(*term_signal);
    text += " killed by SIG" + std::string(name != nullptr ? name : std::to_string(*term_signal));
    if (core_dumped) text += " (core dumped)";
  }
  if (killed_by_pool) text += " by the pool (" + kill_reason + ")";
  if (before_ready) text += " before it was ready";
  text += " after " + std::to_string(age_ms) + " ms, " + std::to_string(served) + " served";
  if (peak_rss_kib >= 0) text += ", peak rss " + std::to_string(peak_rss_kib) + " KiB";
  if (out_of_memory == OutOfMemory::possible) text += ", possibly out of memory";
  if (out_of_memory == OutOfMemory::unknown) text += ", memory unknown";
  return text;
}

}  // namespace ordeal::pool
