// What a caller says about one request, and what comes back.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "ordeal/pool/affinity.hpp"
#include "ordeal/pool/error.hpp"
#include "ordeal/pool/retry.hpp"

namespace ordeal::pool {

// When a request must have ended. One absolute, monotonic instant covers queue, write, run, read
// and everything between; it travels to workers that negotiated `context`. Made from a duration
// (counted from the call) or from an instant; the default is the pool's `call_timeout`.
class Deadline {
 public:
  using Clock = std::chrono::steady_clock;
  Deadline() = default;
  // Not explicit, so that CallOptions{.deadline = 2s} reads as it is meant.
  template <typename Rep, typename Period>
  Deadline(std::chrono::duration<Rep, Period> from_the_call)  // NOLINT
      : relative_(std::chrono::ceil<Clock::duration>(from_the_call)) {}
  Deadline(Clock::time_point at) : absolute_(at) {}  // NOLINT
  [[nodiscard]] Clock::time_point resolve(Clock::time_point now, Clock::duration standard) const {
    if (absolute_) return *absolute_;
    const Clock::duration left = relative_.value_or(standard);
    return left >= Clock::time_point::max() - now ? Clock::time_point::max() : now + left;
  }

 private:
  std::optional<Clock::duration> relative_;
  std::optional<Clock::time_point> absolute_;
};

// Options that belong to parts not built yet are refused with `not_built_yet`, never ignored.
struct CallOptions {
  Deadline deadline{};
  // Gives up when stop is requested: before a byte is written as `cancelled`, later as
  // `cancelled_in_flight`.
  std::stop_token stop_token{};
  // The caller declares that running the request twice does no harm.
  bool idempotent = false;
  // Whether a failure is tried again, and when; empty: as the pool's options say (`retry.*`). After
  // a request may have reached a worker it is tried again only if `idempotent`. The deadline covers
  // all attempts and the pauses between them; a pause that would not end before it is not begun,
  // and the error is the last attempt's. The pool's retry budget bounds the retries of all calls
  // together; a request that poison_deaths_max workers have not survived is refused.
  std::optional<RetryPolicy> retry{};
  // The circuit that guards this call; empty: as the pool's `breaker.key` says. In checkout: of the
  // lease, whose last call is what counts. Refused if `breaker.enabled` is false.
  std::string_view breaker_key{};
  // Pool::call, call_async and checkout: as the same member of that Session.
  std::string_view session{};
  // Which worker a call of a session goes to; empty: as the pool's option says. With another policy
  // than none the call needs a session.
  std::optional<AffinityPolicy> affinity{};
  // The call relies on what an earlier call of its session left in this worker (Reply::worker): it
  // is served by that worker, or fails with `session_state_lost` and has had no effect. 0: any will
  // do. Implies AffinityPolicy::strict.
  std::uint64_t state_in_worker = 0;
  // Reach the worker's context (if negotiated), every event and the error.
  std::string_view label{};
  std::string_view traceparent{};
};

// JSON text that goes to the worker as it is; must be one JSON object (checked: a caller's mistake
// costs no worker). The view must outlive a blocking call; call_async copies it.
struct JsonText {
  // A template, since a braced list has no type: call("greet", {{"name", "Ada"}}) then means the
  // overload for nlohmann::json, and not a view from "name" to "Ada".
  template <std::convertible_to<std::string_view> Text>
  explicit JsonText(const Text& source) : text(source) {}
  std::string_view text;
};

// A worker's success. `result_text` is the exact JSON text that the worker sent.
struct Reply {
  std::string result_text;
  std::uint64_t worker = 0;
  std::uint32_t attempts = 1;          // exchanges begun with a worker, the last one included
  std::chrono::nanoseconds queued{};   // from submit to grant of the last attempt
  std::chrono::nanoseconds service{};  // from grant to reply
  AffinityOutcome affinity = AffinityOutcome::none;  // hit: by the session's worker

  // Parses the result. Values that nlohmann::json cannot carry exactly (lone surrogates, integers
  // beyond 64 bits, NaN) are `unrepresentable_value`; the worker is not blamed.
  [[nodiscard]] Result<nlohmann::json> json() const;
};

}  // namespace ordeal::pool
