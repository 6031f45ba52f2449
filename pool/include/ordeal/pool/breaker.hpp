// Circuit breakers: where most calls fail, callers are told so at once, and the callee is left
// alone for a while.
//
//                ┌──────── half_open ◀──(first call after the open period)──┐
//     `successes` in a row      │                                           │
//                ▼              └──one failure, or half_open_ms─────▶       │
//             closed ──trips (rule)──────────────────────────────────────▶ open
//
// A circuit watches the calls of one key (options.breaker.key, or CallOptions::breaker_key). While
// it is open a call is refused with `circuit_open`, and Error::retry_after says for how long still;
// half-open it lets a few trials through, and refuses the rest with `circuit_half_open_limit`.
//
// What counts: a success; a failure: the worker died or broke the protocol, the deadline passed
// while it had the request, or it returned an error that is not the caller's own mistake
// (options.breaker.caller_errors). What does not: a cancel, a deadline that passed in the queue,
// a stop, a worker that was found unusable before a byte was written.
//
// Invariants (numbers of behaviour spec, part B):
//  (31) closed -> open only by the rule; open -> half_open only after the open period;
//       half_open -> closed only after `successes`; half_open -> open on one failure.
//  (32) While a circuit is open nothing of its key reaches a worker.
//  (33) Half-open, at most `half_open_max` trials run at once. Each comes back, whatever ends it,
//       and the half-open state itself expires: it cannot stick.
//  (35) Results of calls that were admitted before the last transition change nothing; counted.
//  (36) Circuits know nothing of one another. A late failure does not extend the open period.
//  (37) 0 <= retry_after <= the open period, and it never grows while open.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "ordeal/pool/error.hpp"

namespace ordeal::pool {

namespace runtime {
class Engine;
}

// What opens a closed circuit.
enum class BreakerRule : std::uint8_t {
  consecutive,  // `failures` in a row
  call_rate,    // failed or slow calls among the last `window_calls`
  time_rate,    // failed or slow calls within the last `window_ms`
};

// Whose calls share a circuit, if they bring no key of their own.
enum class BreakerKey : std::uint8_t {
  command,  // those of one command
  pool,     // all: the key is the pool's name
  call,     // none: only calls with CallOptions::breaker_key are watched
};

enum class CircuitState : std::uint8_t {
  closed,
  open,
  half_open,
  // By hand; nothing but Breaker::enable() or reset() ends them.
  forced_open,  // refuses everything
  disabled,     // admits everything, counts nothing
  observe,      // admits everything, counts, and only notes when it would have opened
};

struct BreakerStatus {
  std::string key;
  CircuitState state = CircuitState::closed;
  std::chrono::nanoseconds retry_after{};  // open: until trials are let through
  std::uint32_t failures = 0;              // in a row, or in the window
  std::uint32_t successes = 0;             // half-open: of the trials
  std::uint32_t trials = 0;                // half-open: running now
  std::uint32_t calls = 0;                 // in the window
  std::uint32_t slow = 0;                  // in the window
  // Since the circuit is known:
  std::uint64_t transitions = 0;
  std::uint64_t opened = 0;
  std::uint64_t rejected = 0;
  std::uint64_t stale_results = 0;
  std::uint64_t would_have_opened = 0;  // observe
};

// A circuit in the hand of an operator. Thread-safe, like Pool; may outlive it (`pool_stopping`).
// In a callback all members are legal.
// Errors: invalid_option if the pool's `breaker.enabled` is false, if the key is empty or longer
// than breaker_key_bytes_max, or if `breaker.circuits_max` others are all in use.
class Breaker {
 public:
  [[nodiscard]] Result<BreakerStatus> status() const;
  Result<void> force_open();
  // As if its rule had: open for the open period, then trials. No effect on one that is open, or
  // set by hand.
  Result<void> trip();
  Result<void> disable();
  Result<void> observe();
  Result<void> enable();  // ends a state set by hand; else no effect
  Result<void> reset();   // from any state: closed, as if nothing had happened
  [[nodiscard]] const std::string& key() const { return key_; }

 private:
  friend class Pool;
  Breaker(std::weak_ptr<runtime::Engine> engine, std::string key)
      : engine_(std::move(engine)), key_(std::move(key)) {}
  std::weak_ptr<runtime::Engine> engine_;
  std::string key_;
};

inline constexpr std::size_t breaker_key_bytes_max = 256;

[[nodiscard]] std::string_view to_string(CircuitState state);

}  // namespace ordeal::pool
