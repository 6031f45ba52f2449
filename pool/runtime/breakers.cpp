// Circuit breakers, as callers and operators see them: which circuit guards a call, whose fault a
// worker's error is, and the handle with which a circuit is looked at and set.
#include <fmt/format.h>

#include <algorithm>

#include "pool/runtime/async_call.hpp"
#include "pool/runtime/engine.hpp"
#include "pool/runtime/errors.hpp"
#include "pool/runtime/housekeeper.hpp"
#include "pool/wire/json_text.hpp"

namespace ordeal::pool {
namespace runtime {
namespace {

BreakerStatus status_of(const core::CircuitView& view, std::string key) {
  return {.key = std::move(key),
          .state = view.state,
          .retry_after = view.retry_after,
          .failures = view.failures,
          .successes = view.successes,
          .trials = view.trials,
          .calls = view.calls,
          .slow = view.slow,
          .transitions = view.epoch - 1,
          .opened = view.opened,
          .rejected = view.rejected,
          .stale_results = view.stale_results,
          .would_have_opened = view.would_have_opened};
}

tl::unexpected<Error> refused(std::string message) {
  return tl::unexpected(make_error(ErrorCode::invalid_option, std::move(message)));
}

}  // namespace

std::optional<Error> Engine::check_breaker_key(std::string_view key) const {
  const auto wrong = [](std::string message) {
    return make_error(ErrorCode::invalid_option, std::move(message));
  };
  if (!options_.breaker.enabled) {
    return wrong("breaker_key: the pool's option breaker.enabled is false");
  }
  if (key.size() > breaker_key_bytes_max) {
    return wrong(
        fmt::format("breaker_key: {} bytes, allowed 1 to {}", key.size(), breaker_key_bytes_max));
  }
  if (wire::valid_utf8_prefix(key) != key.size()) return wrong("breaker_key: it is not UTF-8");
  return std::nullopt;
}

// `command` is empty for a lease: nobody knows yet what will be asked of it.
std::string_view Engine::breaker_key_of(std::string_view command, std::string_view given) const {
  if (!options_.breaker.enabled || !given.empty()) return given;
  switch (options_.breaker.key) {
    case BreakerKey::command:
      return command.substr(0, breaker_key_bytes_max);
    case BreakerKey::pool:
      return options_.name;
    case BreakerKey::call:
      break;
  }
  return {};
}

// Under the lock.
core::CircuitId Engine::circuit_of(std::string_view command, const CallOptions& options,
                                   Instant at) {
  if (!options_.breaker.enabled) return {};
  const std::string_view key = breaker_key_of(command, options.breaker_key);
  if (key.empty()) return {};
  return breaker_keys_.of(key, [&](std::uint32_t index) {
    return core_.circuit_idle(index, std::max(at, last_fed_at_));
  });
}

bool Engine::is_callers_fault(const ExchangeOutcome& outcome) const {
  if (!outcome.application || !options_.breaker.enabled) return false;
  const auto& types = options_.breaker.caller_errors;
  return std::find(types.begin(), types.end(), outcome.application->type) != types.end();
}

core::event::ExchangeEnded Engine::as_event(const ExchangeOutcome& outcome,
                                            core::TicketId ticket) const {
  core::event::ExchangeEnded ended = outcome.as_event(ticket);
  ended.callers_fault = is_callers_fault(outcome);
  return ended;
}

Result<core::CircuitId> Engine::find_circuit(std::string_view key, Instant at) {
  const core::CircuitId id = breaker_keys_.of(key, [&](std::uint32_t index) {
    return core_.circuit_idle(index, std::max(at, last_fed_at_));
  });
  if (id) return id;
  return refused(fmt::format("breaker {}: all {} circuits of breaker.circuits_max are in use",
                             wire::excerpt(key), options_.breaker.circuits_max));
}

Result<void> Engine::order_circuit(std::string_view key, core::CircuitOrder order) {
  if (is_forked_copy()) return tl::unexpected(made_by_another_process());
  if (auto wrong = check_breaker_key(key)) return tl::unexpected(std::move(*wrong));
  if (key.empty()) return refused("breaker_key: 0 bytes, allowed 1 to 256");
  WakeList wakes;
  {
    const std::lock_guard lock{mutex_};
    const Instant at = now();
    const auto id = find_circuit(key, at);
    if (!id) return tl::unexpected(id.error());
    feed_locked(at, core::event::CircuitOrdered{*id, order}, wakes, nullptr);
  }
  wakes.notify_all();
  return {};
}

std::vector<BreakerStatus> Engine::breakers_locked(Instant at) const {
  std::vector<BreakerStatus> all;
  for (const core::CircuitView& view : core_.circuits(at)) {
    // A place that has gone to a new key, whose first call the core has not heard of, is nobody's.
    if (const std::string& key = breaker_keys_.name(view.id); !key.empty()) {
      all.push_back(status_of(view, key));
    }
  }
  return all;
}

// A key that nothing has used yet has a circuit like new.
Result<BreakerStatus> Engine::breaker_status(std::string_view key) const {
  if (is_forked_copy()) return tl::unexpected(made_by_another_process());
  if (auto wrong = check_breaker_key(key)) return tl::unexpected(std::move(*wrong));
  const std::lock_guard lock{mutex_};
  for (BreakerStatus& status : breakers_locked(now())) {
    if (status.key == key) return std::move(status);
  }
  return BreakerStatus{.key = std::string{key}};
}

}  // namespace runtime

namespace {

Error gone() { return make_error(ErrorCode::pool_stopping, "the breaker's pool is gone"); }

Result<void> order(const std::weak_ptr<runtime::Engine>& pool, const std::string& key,
                   core::CircuitOrder what) {
  const auto engine = pool.lock();
  if (!engine) return tl::unexpected(gone());
  return engine->order_circuit(key, what);
}

}  // namespace

Result<BreakerStatus> Breaker::status() const {
  const auto engine = engine_.lock();
  if (!engine) return tl::unexpected(gone());
  return engine->breaker_status(key_);
}

Result<void> Breaker::force_open() { return order(engine_, key_, core::CircuitOrder::force_open); }
Result<void> Breaker::trip() { return order(engine_, key_, core::CircuitOrder::trip); }
Result<void> Breaker::disable() { return order(engine_, key_, core::CircuitOrder::disable); }
Result<void> Breaker::observe() { return order(engine_, key_, core::CircuitOrder::observe); }
Result<void> Breaker::enable() { return order(engine_, key_, core::CircuitOrder::enable); }
Result<void> Breaker::reset() { return order(engine_, key_, core::CircuitOrder::reset); }

}  // namespace ordeal::pool
