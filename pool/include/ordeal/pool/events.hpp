// What the pool tells observers.
//
// Sinks run on the pool's callback thread, one event at a time, in the order of the decisions,
// never under the pool's lock: at once after a pause, in bursts within a millisecond. A sink that
// throws is contained (and counted); one that is slow makes the pool drop events beyond a bound
// (counted, see Status::events_dropped), never wait.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "ordeal/pool/error.hpp"

namespace ordeal::pool {

// Events that the core does not decide.
namespace event_names {
inline constexpr std::string_view request_payload = "request_payload";    // log_payloads alone
inline constexpr std::string_view warden_restarted = "warden_restarted";  // count: how often so far
// Of the option fork_template; count: its generation.
inline constexpr std::string_view template_started = "template_started";
inline constexpr std::string_view template_ready = "template_ready";
inline constexpr std::string_view template_spare_ready = "template_spare_ready";
inline constexpr std::string_view template_refused = "template_refused";
inline constexpr std::string_view template_died = "template_died";
// Of recovery.hpp: `code` is the cause, `reason` what is done (RecoveryAction).
inline constexpr std::string_view recovery_started = "recovery_started";
inline constexpr std::string_view recovery_succeeded = "recovery_succeeded";
inline constexpr std::string_view recovery_failed = "recovery_failed";
inline constexpr std::string_view recovery_cancelled = "recovery_cancelled";
inline constexpr std::string_view recovery_timed_out = "recovery_timed_out";
inline constexpr std::array all{request_payload, warden_restarted,     template_started,
                                template_ready,  template_spare_ready, template_refused,
                                template_died,   recovery_started,     recovery_succeeded,
                                recovery_failed, recovery_cancelled,   recovery_timed_out};
}  // namespace event_names

struct PoolEvent {
  // "request_resolved", "worker_transition", ...: the names of core::Occurrence, or one of
  // event_names.
  std::string_view what;
  // Of the core's: when it took the fact the event follows from, by which it counts its delays.
  // Of the runtime's own, and of recoveries: when it is told.
  std::chrono::steady_clock::time_point at;
  std::uint64_t request = 0;  // 0: not about a request
  std::uint64_t worker = 0;   // 0: not about a worker
  ErrorCode code = ErrorCode::none;
  bool maybe_ran = false;  // request_resolved: an earlier attempt may have taken effect
  std::string_view from;   // worker_transition: states and reason; breaker_*: states
  std::string_view to;
  // Also request_retry_exhausted: attempts, deadline, budget, poisoned; request_granted to one
  // of a session: bound, hit, rebound; worker_retiring: drained, requests_max ...
  std::string_view reason;
  std::uint32_t count = 0;
  std::chrono::nanoseconds duration{};
  std::string session;              // of bindings, and request_granted under a policy
  std::uint64_t worker_before = 0;  // session_rebound
  std::string breaker;  // of breaker_*, whose count: failures before; duration: open so long
  std::string command;  // request_resolved: its first 64 bytes; of a lease: empty
  std::string place;    // lease_overdue: "file:line" of the checkout
  std::string label;
  std::string traceparent;
  // "request_payload", which there is only with the option log_payloads: escaped excerpts of what
  // one exchange sent and got (a result, an error's message, or bad bytes). In no other event.
  std::string arguments;
  std::string answer;
};

using Sink = std::function<void(const PoolEvent&)>;

// Ends the subscription when destroyed; no event is delivered after that returned, unless it is
// destroyed by the sink itself. Must not outlive nothing: it may outlive the pool.
class Subscription {
 public:
  Subscription() = default;
  explicit Subscription(std::shared_ptr<void> token) : token_(std::move(token)) {}
  void reset() { token_.reset(); }

 private:
  std::shared_ptr<void> token_;
};

}  // namespace ordeal::pool
