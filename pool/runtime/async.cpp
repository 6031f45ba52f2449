// Calls that no thread waits for: run by the housekeeper, answered on the callback thread.
#include "pool/runtime/async_call.hpp"
#include "pool/runtime/engine.hpp"
#include "pool/runtime/errors.hpp"
#include "pool/runtime/housekeeper.hpp"

namespace ordeal::pool::runtime {

Result<void> Engine::check_async(std::string_view command, JsonText arguments,
                                 const CallOptions& options, const Prior& prior) const {
  if (auto refused = refuse(options, prior.session_of(options), false)) {
    return tl::unexpected(std::move(*refused));
  }
  auto fine = check_request(command, arguments, options, prior);
  if (!fine) return tl::unexpected(annotate(std::move(fine.error()), options));
  return fine;
}

Result<core::TicketId> Engine::call_async(std::string_view command, JsonText arguments,
                                          const CallOptions& options, Pool::Callback callback,
                                          FollowUp follow_up, const Prior& prior) {
  if (auto fine = check_async(command, arguments, options, prior); !fine) {
    return tl::unexpected(std::move(fine.error()));
  }
  const Instant at = now();
  auto async = std::make_unique<AsyncCall>();
  async->command = command;
  async->arguments = arguments.text;
  async->session = prior.session_of(options);
  async->adds_session = prior.adds_session;
  async->deadline = deadline_of(options, at, prior);
  async->callback = std::move(callback);
  async->follow_up = std::move(follow_up);
  AsyncCall& call = *async;
  TicketSlot& slot = reserve_async(options, std::move(async));
  // Armed before the ticket can be resolved (whoever delivers it destroys this), outside the lock
  // (a token that was stopped already runs the callback at once).
  if (options.stop_token.stop_possible()) {
    call.on_stop_requested.emplace(options.stop_token,
                                   [this, &slot, &call] { cancel_async(slot, call); });
  }
  WakeList wakes;
  core::TicketId id;
  {
    const std::lock_guard lock{mutex_};
    id = tickets_.renew(slot);
    slot.submitted_at = at;
    slot.submitted = true;
    core::event::Submitted submitted = submission(slot, options, options.session, call.deadline);
    submitted.circuit = circuit_of(call.command, options, at);
    feed_locked(at, submitted, wakes, nullptr);
    // A stop between arming and submitting found nothing to cancel.
    cancel_if_stopped(options, id, at, wakes);
  }
  wakes.notify_all();
  return id;
}

TicketSlot& Engine::reserve_async(const CallOptions& options, std::unique_ptr<AsyncCall> async) {
  const std::lock_guard lock{mutex_};
  TicketSlot& slot =
      tickets_.acquire(TicketSlot::Kind::async, async->command, options.label, options.traceparent);
  slot.submitted = false;
  slot.async = std::move(async);
  return slot;
}

void Engine::cancel_async(TicketSlot& slot, const AsyncCall& call) {
  core::TicketId id;
  {
    const std::lock_guard lock{mutex_};
    if (slot.async.get() != &call || !slot.submitted) return;
    id = slot.id;
  }
  cancel(id);
}

void Engine::note_exchange(const TicketSlot& slot, const ExchangeOutcome& outcome) {
  if (!options_.log_payloads) return;
  const AsyncCall& call = *slot.async;
  tell_payloads(slot, call.followed ? call.followed->arguments : call.arguments, outcome);
}

void Engine::finish_async(TicketSlot& slot, ExchangeOutcome outcome) {
  note_exchange(slot, outcome);
  WakeList wakes;
  {
    const std::lock_guard lock{mutex_};
    const core::event::ExchangeEnded ended = as_event(outcome, slot.id);
    slot.async->ended_at = now();
    if (outcome.progress != core::WireProgress::untouched) {
      slot.async->outcome = std::move(outcome);
    }
    give_back(slot, ended, slot.async->ended_at, wakes);
  }
  wakes.notify_all();
}

void Engine::deliver(TicketSlot& slot) {
  AsyncCall& async = *slot.async;
  Result<Reply> result =
      result_of(slot, std::move(async.outcome), async.granted_at, async.ended_at);
  const std::function<void(Result<Reply>)> callback = std::move(async.callback);
  {
    std::unique_ptr<AsyncCall> gone;  // its stop_callback must not be destroyed under the lock
    {
      const std::lock_guard lock{mutex_};
      gone = std::move(slot.async);
      tickets_.release(slot);
    }
  }
  if (callback) callback(std::move(result));
}

void Engine::run_callback(std::function<void()> job) {
  if (callbacks_.is_current()) return job();
  post_callback(std::move(job));
}

void Engine::post_callback(std::function<void()> job) {
  if (!callbacks_.try_post(job)) job();
}

void Engine::tell_sinks(PoolEvent event) {
  if (callbacks_.has_sinks()) callbacks_.post_event(std::move(event));
}

}  // namespace ordeal::pool::runtime
