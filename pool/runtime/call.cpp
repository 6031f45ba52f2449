// Blocking calls: submit, wait for a worker, talk to it on this thread, tell the core.
#include <fmt/format.h>

#include <limits>
#include <utility>

#include "pool/runtime/async_call.hpp"
#include "pool/runtime/driver.hpp"
#include "pool/runtime/engine.hpp"
#include "pool/runtime/errors.hpp"
#include "pool/runtime/housekeeper.hpp"
#include "pool/runtime/timestamp.hpp"
#include "pool/wire/envelope.hpp"

namespace ordeal::pool::runtime {

namespace {

std::optional<Error> check_policy(const RetryPolicy& policy) {
  constexpr unsigned retries_max = 100;  // as of the pool's option
  const auto refused = [](const char* what, auto value, const char* allowed) {
    return make_error(
        ErrorCode::invalid_option,
        fmt::format("call option retry.{}: {} is out of range, allowed {}", what, value, allowed));
  };
  if (policy.max_retries > retries_max)
    return refused("max_retries", policy.max_retries, "0 to 100");
  if (policy.backoff > Backoff::custom)
    return refused("backoff", static_cast<unsigned>(policy.backoff), "0 to 5");
  if (policy.jitter_percent > 100)
    return refused("jitter_percent", static_cast<unsigned>(policy.jitter_percent), "0 to 100");
  if (policy.base_delay.count() < 0)
    return refused("base_delay", policy.base_delay.count(), "0 ns or more");
  if (policy.max_delay.count() < 0)
    return refused("max_delay", policy.max_delay.count(), "0 ns or more");
  if (policy.delays.size() > DelayTable::size_max)
    return refused("delays", "a longer table", "up to 16 delays");
  if (policy.backoff == Backoff::custom && policy.delays.size() == 0)
    return refused("delays", "an empty table", "1 to 16 delays with the backoff custom");
  return std::nullopt;
}

std::optional<Error> check_affinity(const CallOptions& options, std::string_view session) {
  const bool wanted = options.affinity.value_or(AffinityPolicy::none) != AffinityPolicy::none ||
                      options.state_in_worker != 0;
  if (options.affinity > AffinityPolicy::strict) {
    return make_error(ErrorCode::invalid_option,
                      fmt::format("call option affinity: {} is out of range, allowed 0 to 2",
                                  static_cast<unsigned>(*options.affinity)));
  }
  if (wanted && session.empty()) {
    return make_error(ErrorCode::invalid_option,
                      fmt::format("call option {}: only a call of a session may have it",
                                  options.state_in_worker != 0 ? "state_in_worker" : "affinity"));
  }
  return std::nullopt;
}

}  // namespace

std::optional<Error> Engine::refuse(const CallOptions& options, std::string_view session,
                                    bool blocking) const {
  if (is_forked_copy()) return made_by_another_process();
  if (blocking && callbacks_.is_current()) {
    return make_error(ErrorCode::would_deadlock,
                      "a blocking call from a callback of the same pool could never end");
  }
  if (options.retry) {
    if (auto wrong = check_policy(*options.retry)) return wrong;
  }
  if (!options.breaker_key.empty()) {
    if (auto wrong = check_breaker_key(options.breaker_key)) return wrong;
  }
  return check_affinity(options, session);
}

// What encode_request would refuse is refused here, before the pool is concerned. In the usual case
// a few comparisons and the validation of the arguments; else the encoder itself says what is
// wrong.
Result<void> Engine::check_request(std::string_view command, JsonText arguments,
                                   const CallOptions& options, const Prior& prior) const {
  constexpr std::size_t envelope_bytes_max = 256;  // member names, id, timestamp, deadline
  constexpr std::size_t escaped_byte_max = 6;      // "\u0000"
  const std::string_view session = prior.session_of(options);
  const std::size_t bytes_max = arguments.text.size() + envelope_bytes_max +
                                escaped_byte_max * (command.size() + options.label.size() +
                                                    options.traceparent.size() + session.size());
  const auto is_utf8 = [](std::string_view text) {
    return wire::valid_utf8_prefix(text) == text.size();
  };
  if (bytes_max <= options_.frame_bytes_max && is_utf8(command) && is_utf8(options.label) &&
      is_utf8(options.traceparent)) {
    if (prior.known == Arguments::an_object) return {};
    return wire::validate_json_object(arguments.text);
  }
  const wire::Context context{.deadline_ms = std::numeric_limits<std::int64_t>::max(),
                              .attempt = std::numeric_limits<std::uint32_t>::max(),
                              .label = options.label,
                              .traceparent = options.traceparent,
                              .session = prior.adds_session ? std::string_view{} : session};
  std::string scratch;
  return wire::encode_request(scratch,
                              {.id = std::numeric_limits<std::uint64_t>::max(),
                               .command = command,
                               .args = arguments.text,
                               .args_session = prior.adds_session ? session : std::string_view{},
                               .timestamp = wall_timestamp(),
                               .context = &context,
                               .args_trusted = prior.known == Arguments::an_object},
                              static_cast<std::uint32_t>(options_.frame_bytes_max));
}

Instant Engine::deadline_of(const CallOptions& options, Instant at, const Prior& prior) const {
  if (prior.deadline) return *prior.deadline;
  return to_instant(options.deadline.resolve(to_steady(at), options_.call_timeout));
}

TicketSlot& Engine::submit(TicketSlot::Kind kind, std::string_view command,
                           const CallOptions& options, std::string_view session, Instant at,
                           Instant deadline, Place place, const RequestView* request) {
  WakeList wakes;
  TicketSlot* slot = nullptr;
  {
    const std::lock_guard lock{mutex_};
    slot = &tickets_.acquire(kind, command, options.label, options.traceparent);
    slot->submitted_at = at;
    slot->place = place;
    slot->request = request;
    core::event::Submitted submitted = submission(*slot, options, session, deadline);
    submitted.circuit = circuit_of(command, options, at);
    feed_locked(at, submitted, wakes, slot);
    cancel_if_stopped(options, slot->id, at, wakes);
    slot->is_soon = spinner_.is_soon(core_.counters().queued, core_.counters().running);
  }
  wakes.notify_all();
  return *slot;
}

AffinityPolicy Engine::affinity_of(const CallOptions& options, std::string_view session) const {
  if (session.empty()) return AffinityPolicy::none;
  if (options.state_in_worker != 0) return AffinityPolicy::strict;
  return options.affinity.value_or(options_.affinity);
}

core::event::Submitted Engine::submission(TicketSlot& slot, const CallOptions& options,
                                          std::string_view session, Instant deadline) {
  core::event::Submitted submitted{.ticket = slot.id,
                                   .deadline = deadline,
                                   .idempotent = options.idempotent,
                                   .lease = slot.kind == TicketSlot::Kind::lease,
                                   .retry = policy_of(options)};
  submitted.affinity = affinity_of(options, session);
  if (submitted.affinity != AffinityPolicy::none) {
    submitted.session = sessions_.number_of(session);
    submitted.state_in_worker = options.state_in_worker;
  }
  slot.state_in_worker = options.state_in_worker;
  slot.affinity = AffinityOutcome::none;
  return submitted;
}

void Engine::end_session(std::string_view session) {
  if (is_forked_copy()) return;
  WakeList wakes;
  {
    const std::lock_guard lock{mutex_};
    const std::uint32_t number = sessions_.find(session);
    if (number == core::no_session) return;
    feed_locked(now(), core::event::SessionEnded{number}, wakes, nullptr);
  }
  wakes.notify_all();
}

// A token that was stopped before is heard before a driver can write a byte.
void Engine::cancel_if_stopped(const CallOptions& options, core::TicketId id, Instant at,
                               WakeList& wakes) {
  if (options.stop_token.stop_requested()) cancel_locked(id, at, wakes);
}

void Engine::cancel_locked(core::TicketId id, Instant at, WakeList& wakes) {
  const TicketSlot* slot = tickets_.find(id);
  if (slot == nullptr || !slot->submitted || slot->phase.load() == TicketSlot::Phase::resolved) {
    return;
  }
  feed_locked(at, core::event::CancelRequested{id}, wakes, nullptr);
}

TicketSlot::Phase Engine::await_decision(TicketSlot& slot, Instant deadline) {
  bool is_late = false;
  while (true) {
    const std::uint32_t ticket = slot.wake.ticket();
    const TicketSlot::Phase phase = slot.phase.load(std::memory_order_acquire);
    if (phase != TicketSlot::Phase::waiting) return phase;
    if (is_late) {
      slot.wake.wait_until(core::never, ticket);
    } else if (now() >= deadline) {
      // The housekeeper's timer does this too; but a caller must not depend on another thread's
      // being scheduled in time.
      feed(core::event::TimePassed{});
      is_late = true;
    } else if (std::exchange(slot.is_soon, false) &&
               spinner_.await_change(slot.wake, ticket, deadline)) {
      continue;
    } else {
      slot.wake.wait_until(deadline, ticket);
    }
  }
}

void Engine::end_exchange(TicketSlot& slot, const ExchangeOutcome& outcome, Instant at) {
  WakeList wakes;
  {
    const std::lock_guard lock{mutex_};
    give_back(slot, as_event(outcome, slot.id), at, wakes);
  }
  wakes.notify_all();
}

// The exchange of a blocking call. If it was the last one and a success, the slot is free when this
// returns (its ticket was resolved under the same hold of the lock), and the reply is the call's.
std::optional<Reply> Engine::end_call(TicketSlot& slot, ExchangeOutcome& outcome,
                                      Instant granted_at) {
  const core::event::ExchangeEnded ended = as_event(outcome, slot.id);
  std::optional<Reply> reply;
  WakeList wakes;
  {
    const std::lock_guard lock{mutex_};
    give_back(slot, ended, outcome.ended_at, wakes);
    if (slot.phase.load(std::memory_order_relaxed) == TicketSlot::Phase::resolved &&
        slot.code == ErrorCode::none) {
      reply = reply_of(slot, outcome, granted_at, outcome.ended_at);
      tickets_.release(slot);
    }
  }
  wakes.notify_all();
  return reply;
}

// A ticket whose driver is its own thread needs no waking; an asynchronous one has no such thread.
void Engine::give_back(TicketSlot& slot, const core::event::ExchangeEnded& ended, Instant at,
                       WakeList& wakes) {
  slot.phase.store(TicketSlot::Phase::waiting, std::memory_order_relaxed);
  slot.worker = nullptr;
  feed_locked(at, ended, wakes, &slot);
}

void Engine::release(TicketSlot& slot) {
  const std::lock_guard lock{mutex_};
  tickets_.release(slot);
}

Result<Reply> Engine::call(std::string_view command, JsonText arguments, const CallOptions& options,
                           const Prior& prior) {
  const std::string_view session = prior.session_of(options);
  if (auto refused = refuse(options, session, true)) return tl::unexpected(std::move(*refused));
  if (auto fine = check_request(command, arguments, options, prior); !fine) {
    return tl::unexpected(annotate(std::move(fine.error()), options));
  }
  const Instant submitted_at = prior.submitted_at ? *prior.submitted_at : now();
  const Instant deadline = deadline_of(options, submitted_at, prior);
  RequestView request{.command = command,
                      .arguments = arguments.text,
                      .session = session,
                      .adds_session = prior.adds_session,
                      .deadline = deadline,
                      .label = options.label,
                      .traceparent = options.traceparent};
  TicketSlot& slot = submit(TicketSlot::Kind::blocking, command, options, session, submitted_at,
                            deadline, {}, &request);
  // Granted in the same breath: no need to ask for the time again.
  bool at_once = slot.phase.load(std::memory_order_acquire) == TicketSlot::Phase::granted;

  std::optional<std::stop_callback<std::function<void()>>> on_stop_requested;
  if (options.stop_token.stop_possible()) {
    on_stop_requested.emplace(options.stop_token, [this, id = slot.id] { cancel(id); });
  }

  std::optional<ExchangeOutcome> before;  // of the last exchange that did not end the call
  Instant granted_at = submitted_at;
  Instant ended_at = submitted_at;
  while (await_decision(slot, deadline) == TicketSlot::Phase::granted) {
    if (std::exchange(slot.begun, false)) {
      granted_at = slot.granted_at;
      static_cast<void>(read_some(*slot.worker));  // most often its reply has come
    } else {
      granted_at = std::exchange(at_once, false) ? submitted_at : now();
      request.attempt = slot.attempt;
      begin_exchange(*slot.worker, request, granted_at);
    }
    ExchangeOutcome ended = drive_blocking(*slot.worker, spinner_, granted_at);
    ended_at = ended.ended_at;
    if (options_.log_payloads) tell_payloads(slot, arguments.text, ended);
    // A cancel that comes too late finds no such ticket any more.
    if (std::optional<Reply> reply = end_call(slot, ended, granted_at)) return std::move(*reply);
    // What no worker has seen did not happen: it must not hide what happened before it.
    if (ended.progress != core::WireProgress::untouched) before = std::move(ended);
  }
  on_stop_requested.reset();  // from now on nobody may cancel this slot's ticket
  Result<Reply> result =
      result_of(slot, before ? std::move(*before) : ExchangeOutcome{}, granted_at, ended_at);
  release(slot);
  return result;
}

Result<Reply> Engine::result_of(TicketSlot& slot, ExchangeOutcome&& outcome, Instant granted_at,
                                Instant ended_at) const {
  if (slot.code != ErrorCode::none) return tl::unexpected(error_of(slot, outcome));
  return reply_of(slot, outcome, granted_at, ended_at);
}

Reply Engine::reply_of(const TicketSlot& slot, ExchangeOutcome& outcome, Instant granted_at,
                       Instant ended_at) {
  return Reply{.result_text = std::move(outcome.result_text),
               .worker = slot.worker_serial,
               .attempts = slot.attempts,
               .queued = granted_at - slot.submitted_at,
               .service = ended_at - granted_at,
               .affinity = slot.affinity};
}

void Engine::cancel(core::TicketId ticket) {
  if (is_forked_copy()) return;
  WakeList wakes;
  {
    const std::lock_guard lock{mutex_};
    cancel_locked(ticket, now(), wakes);
  }
  wakes.notify_all();
}

}  // namespace ordeal::pool::runtime
