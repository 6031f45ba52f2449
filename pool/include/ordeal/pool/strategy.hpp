// What to do about an error: how grave it is where it happened, and what the table says of it.
//
//     const auto where = ErrorContext{.attempt = 2, .user_facing = true};
//     switch (strategy_for(error, where)) { ... }
//     log(describe(error, where));
//
// Pure functions of their arguments, total and deterministic. The tables are DSPex's (behaviour
// spec, section 9); what was broken there is not here:
//   (1) Every code has a category of its own, and its own severity (error.hpp's table).
//   (2) Severity never falls as attempts go on: of the rules that apply the gravest counts, not the
//       first one.
//   (3) No strategy tries again what is not retryable, nor what may have taken effect already
//       unless the request is idempotent.
//   (4) The delays are used: retry_policy() is what a call takes.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ordeal/pool/error.hpp"
#include "ordeal/pool/retry.hpp"

namespace ordeal::pool {

enum class Strategy : std::uint8_t {
  immediate_retry,
  backoff_retry,
  circuit_break,  // stop sending such requests for a while
  failover,       // let something else do it, and say so
  abandon,        // tell the caller
};
inline constexpr std::array<std::string_view, 5> strategy_names{
    "immediate_retry", "backoff_retry", "circuit_break", "failover", "abandon"};
[[nodiscard]] constexpr std::string_view to_string(Strategy strategy) {
  return strategy_names[static_cast<std::size_t>(strategy)];
}

// Where an error happened.
struct ErrorContext {
  std::optional<Severity> severity{};  // wins over every rule
  std::uint32_t attempt = 1;           // the one that failed, from 1
  bool affecting_all_workers = false;
  bool user_facing = false;  // somebody waits for the answer
  bool idempotent = false;   // as CallOptions::idempotent
  std::string_view session{};
};

// The gravest of: `base`; one step graver (minor to major to critical) after more than three
// attempts; critical if all workers are affected; at least major if user facing. A warning stays
// one, unless all workers are affected.
[[nodiscard]] Severity severity_in(Severity base, const ErrorContext& context);
[[nodiscard]] Severity severity_of(const Error& error, const ErrorContext& context);

// The table, and the rule that what is critical is abandoned after more than two attempts.
[[nodiscard]] Strategy strategy_for(ErrorCategory category, Severity severity,
                                    std::uint32_t attempt);
// The same for this very error: `abandon` where the table would run again what may not run again,
// and for the caller's own mistakes.
[[nodiscard]] Strategy strategy_for(const Error& error, const ErrorContext& context);

// It did not happen, or another run of it does no harm.
[[nodiscard]] bool may_run_again(const Error& error, const ErrorContext& context);

// Wrong whatever the pool's state: no retry, no other pool and no pause mends it.
[[nodiscard]] bool is_callers_mistake(ErrorCode code);

// Whether the table's strategy may be followed again after `attempt` attempts: immediate_retry up
// to 3, backoff_retry up to 5, failover once, others never.
[[nodiscard]] bool should_retry(Strategy strategy, std::uint32_t attempt);
// How long before the attempt after this one; beyond its table's end the last delay.
[[nodiscard]] std::chrono::milliseconds retry_delay(Strategy strategy, std::uint32_t attempt);

// should_retry() and retry_delay() as a call's policy: so many retries, after these very delays.
// Strategies that do not try again give one that does not.
[[nodiscard]] RetryPolicy retry_policy(Strategy strategy);

// The error for a log, one "name: value" a line: code with message, category, severity, certainty,
// strategy, worker, session, attempt, label, and the certificate's summary if there is one. What
// may hold payloads is left out: excerpts, stderr, tracebacks, and the message of a worker's own
// error, of which only the type is given.
[[nodiscard]] std::string describe(const Error& error, const ErrorContext& context);

}  // namespace ordeal::pool
