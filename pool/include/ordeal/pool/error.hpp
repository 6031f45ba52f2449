// What can go wrong, as values.
//
// Every fallible operation of the pool returns tl::expected<T, Error>. An Error says what happened
// (code), what kind of trouble it is (category), whether the request may have taken effect
// (certainty), and carries what is known of the worker's death or of the worker's own error.
//
// Invariants:
//   (1) category, certainty, severity and retryable are pure functions of the code: one table, in
//       error.cpp, from which the documentation's table is printed.
//   (2) Every error that the pool itself makes has a category other than `system`, except for uses
//       that are wrong whatever the pool's state (calls in a forked child, calls that would
//       deadlock).
//   (3) `failed` means: it did not happen. `indeterminate`: it may have. Never guessed: a request
//       of which a byte may have reached a worker, and whose reply was not read, is indeterminate.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace ordeal::pool {

// The nine categories of DSPex (behaviour spec, section 9).
enum class ErrorCategory : std::uint8_t {
  initialization,
  connection,
  communication,
  timeout,
  resource,
  health_check,
  session,
  python,
  system,
};

enum class Severity : std::uint8_t {
  warning,
  minor,
  major,
  critical
};

// Jepsen's distinction. `failed`: the request did not take effect in any worker, or a worker said
// that it failed. `indeterminate`: it may have taken effect.
enum class Certainty : std::uint8_t {
  failed,
  indeterminate
};

// Each code with the sentence that its reader needs is in error.cpp's table.
enum class ErrorCode : std::uint8_t {
  none = 0,  // not an error; used where "no code" must be expressible inside the core

  // The caller's own mistakes: cost no worker.
  invalid_option,
  not_built_yet,
  invalid_arguments,
  unencodable_arguments,
  request_too_large,
  unrepresentable_value,

  // Getting a worker.
  queue_full,
  queue_timeout,
  workers_unavailable,
  pool_stopping,
  cancelled,

  // Starting a worker.
  spawn_failed,
  start_exited,
  start_timeout,
  handshake_failed,
  protocol_unsupported,

  // With the request in a worker's hands.
  call_timeout,
  cancelled_in_flight,
  worker_died,
  worker_closed_stream,
  stopped_in_flight,
  malformed_frame,
  malformed_reply,
  reply_id_mismatch,
  reply_too_large,
  truncated_reply,
  stray_output,
  application_error,

  // Wrong whatever the pool's state.
  would_deadlock,
  used_after_fork,

  // Sessions. (Appended: recorded traces hold the codes' numbers.)
  session_not_found,
  session_exists,
  session_expired,
  invalid_session,
  store_unavailable,
  store_version_unsupported,
  store_full,

  // Retries.
  poisoned_request,

  // Health: in events alone.
  health_check_failed,

  // Affinity.
  session_state_lost,

  // Recoveries.
  recovery_capacity_exceeded,
  recovery_timeout,

  // Circuit breakers.
  circuit_open,
  circuit_half_open_limit,

  // Operations.
  pool_draining,
  roll_failed,
  roll_in_progress,
  worker_not_found,
  operation_timeout,

  // Overload.
  deadline_unreachable,
  request_shed,

  // Sessions again.
  store_timeout,

  // Overload again.
  concurrency_limited,
};
inline constexpr std::uint8_t error_code_count =
    static_cast<std::uint8_t>(ErrorCode::concurrency_limited) + 1;

// A row of the table that defines a code. `meaning` is one sentence for the user's eyes.
struct ErrorTraits {
  std::string_view name;
  ErrorCategory category;
  Severity severity;
  Certainty certainty;
  bool retryable;  // trying again may help, if the request is idempotent or `certainty` is failed
  std::string_view meaning;
};

[[nodiscard]] const ErrorTraits& traits(ErrorCode code);
// The code's, but that no error is definite behind an earlier attempt that may have taken effect.
[[nodiscard]] inline Certainty certainty_of(ErrorCode code, bool maybe_ran) {
  return maybe_ran ? Certainty::indeterminate : traits(code).certainty;
}
[[nodiscard]] std::string_view to_string(ErrorCode code);
[[nodiscard]] std::string_view to_string(ErrorCategory category);
[[nodiscard]] std::string_view to_string(Severity severity);
[[nodiscard]] std::string_view to_string(Certainty certainty);

// Whether the kernel killed a worker for want of memory. It counts such kills (oom_kill of the
// cgroup, or of the whole system) and says not whom: so at most "possible".
enum class OutOfMemory : std::uint8_t {
  no,        // it did not die of SIGKILL, the pool sent it, or nobody was killed for memory
  possible,  // SIGKILL that the pool did not send, and somebody was
  unknown,   // no counter can be read, or nobody knows how it died
};
[[nodiscard]] std::string_view to_string(OutOfMemory out_of_memory);

// How a worker process ended, as far as its host could learn.
struct DeathCertificate {
  std::uint64_t worker = 0;
  int pid = 0;
  bool status_known = false;     // false if somebody else reaped it (SIGCHLD ignored, waitpid(-1))
  std::optional<int> exit_code;  // set iff it exited by itself
  std::optional<int> term_signal;  // set iff a signal ended it
  bool core_dumped = false;
  bool killed_by_pool = false;  // the pool had sent it a signal; `kill_reason` says why
  std::string kill_reason;
  // Why the pool had asked it to go, or withdrawn it before ("requests_max", "drained" ..: as
  // worker_transition's reasons); empty: it was wanted, and has crashed or was killed.
  std::string retired_for;
  bool before_ready = false;  // died during its start
  OutOfMemory out_of_memory = OutOfMemory::no;
  std::int64_t peak_rss_kib = -1;  // -1: unknown
  std::int64_t age_ms = 0;
  std::uint64_t served = 0;           // requests it had answered
  std::uint64_t request_in_hand = 0;  // its id on the wire; 0: none
  std::string stderr_tail;  // last lines, bounded; goes to the caller alone, never to sinks
  // Where its Python threads stood when the pool decided to kill it for what it did not do.
  // Bounded; files, functions and lines, never values. Empty: it was not asked, or could not say.
  std::string stack_dump;
  [[nodiscard]] std::string summary() const;  // "pid 812 killed by SIGKILL after 3.2 s, ..."
};

// The worker's own error reply, as it sent it. `type`, `traceback` are empty for workers that send
// a plain string.
struct ApplicationError {
  std::string type;
  std::string message;
  std::string traceback;
  std::optional<bool> retryable;
  // Trying again before that time is over will not help: "retry_after_ms" of the reply.
  std::optional<std::chrono::milliseconds> retry_after;
};

// Where the state that a request relied on was, and where its session is bound now; 0: nowhere.
struct StateLost {
  std::uint64_t worker_before = 0;
  std::uint64_t worker_now = 0;
  friend bool operator==(const StateLost&, const StateLost&) = default;
};

struct Error {
  ErrorCode code = ErrorCode::none;
  std::string message;  // lower case, no full stop, names the thing, the value and what is allowed
  std::optional<std::uint64_t> worker;
  std::uint32_t attempts = 0;  // exchanges begun with a worker
  bool maybe_ran = false;      // an attempt before the last one may have taken effect
  std::string label;           // as given in CallOptions
  std::string traceparent;
  // With circuit_open: until trials are let through; empty if an operator holds it open. With
  // deadline_unreachable: by how much the answer would have come too late. With application_error:
  // what the worker said. Retries keep to it, too.
  std::optional<std::chrono::nanoseconds> retry_after{};
  std::string excerpt;  // offending bytes, bounded and escaped; for the caller alone
  std::shared_ptr<const DeathCertificate> certificate;
  std::shared_ptr<const ApplicationError> application;
  std::optional<StateLost> state_lost;  // set iff code is session_state_lost

  [[nodiscard]] ErrorCategory category() const { return traits(code).category; }
  [[nodiscard]] Severity severity() const { return traits(code).severity; }
  [[nodiscard]] Certainty certainty() const { return certainty_of(code, maybe_ran); }
  // A worker that declares its own error's retryability is believed; else the table decides.
  [[nodiscard]] bool retryable() const;
};

[[nodiscard]] inline Error make_error(ErrorCode code, std::string message) {
  Error error;
  error.code = code;
  error.message = std::move(message);
  return error;
}

template <typename T>
using Result = tl::expected<T, Error>;

}  // namespace ordeal::pool
