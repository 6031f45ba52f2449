// Leases: a grant that lasts for several exchanges.
#include "pool/runtime/lease_state.hpp"

#include <fmt/format.h>

#include "pool/runtime/driver.hpp"
#include "pool/runtime/errors.hpp"
#include "pool/runtime/housekeeper.hpp"

namespace ordeal::pool::runtime {
namespace {

// The code that the core would give an ordinary request that ended so.
ErrorCode code_of(const ExchangeOutcome& outcome) {
  const bool untouched = outcome.progress == core::WireProgress::untouched;
  switch (outcome.verdict) {
    case core::ExchangeVerdict::replied:
      return ErrorCode::none;
    case core::ExchangeVerdict::application_error:
      return ErrorCode::application_error;
    case core::ExchangeVerdict::violated:
      return outcome.code;
    case core::ExchangeVerdict::lost:
      return ErrorCode::worker_died;
    case core::ExchangeVerdict::timed_out:
      return untouched ? ErrorCode::queue_timeout : ErrorCode::call_timeout;
    case core::ExchangeVerdict::cancelled:
      return untouched ? ErrorCode::cancelled : ErrorCode::cancelled_in_flight;
  }
  return ErrorCode::worker_died;
}

}  // namespace

Result<std::unique_ptr<LeaseState>> Engine::checkout(const CallOptions& options, Place place) {
  if (auto refused = refuse(options, true)) return tl::unexpected(std::move(*refused));
  const Instant at = now();
  const Instant deadline = deadline_of(options, at);
  TicketSlot& slot =
      submit(TicketSlot::Kind::lease, {}, options, options.session, at, deadline, place);
  std::optional<std::stop_callback<std::function<void()>>> on_stop_requested;
  if (options.stop_token.stop_possible()) {
    on_stop_requested.emplace(options.stop_token, [this, id = slot.id] { cancel(id); });
  }
  const TicketSlot::Phase phase = await_decision(slot, deadline);
  on_stop_requested.reset();
  if (phase == TicketSlot::Phase::resolved) {
    Error error = error_of(slot, {});
    release(slot);
    return tl::unexpected(std::move(error));
  }
  auto state = std::make_unique<LeaseState>();
  state->engine = weak_from_this();
  state->slot = &slot;
  state->worker = slot.worker->id.serial;
  return state;
}

Result<Reply> Engine::call_on_lease(LeaseState& lease, std::string_view command, JsonText arguments,
                                    const CallOptions& options, const Prior& prior) {
  const std::string_view session = prior.session_of(options);
  if (auto refused = refuse(options, session, true)) return tl::unexpected(std::move(*refused));
  if (options.state_in_worker != 0 && options.state_in_worker != lease.worker) {
    Error error = make_error(
        ErrorCode::session_state_lost,
        fmt::format("what worker {} held for the session is not in the lease's worker, {}",
                    options.state_in_worker, lease.worker));
    error.state_lost = StateLost{options.state_in_worker, lease.worker};
    return tl::unexpected(annotate(std::move(error), options));
  }
  if (lease.broken) return tl::unexpected(*lease.broken);
  if (auto fine = check_request(command, arguments, options, prior); !fine) {
    return tl::unexpected(annotate(std::move(fine.error()), options));
  }
  TicketSlot& slot = *lease.slot;
  {
    const std::lock_guard lock{mutex_};
    slot.lease_in_call = slot.phase.load() == TicketSlot::Phase::granted;
    if (slot.lease_in_call) slot.worker->clear_interrupts();
    slot.command.assign(command.substr(0, TicketSlot::command_bytes_max));
  }
  if (!slot.lease_in_call) {  // lost its worker between two calls
    await_decision(slot, core::never);
    lease.broken = annotate(error_of(slot, {}), options);
    return tl::unexpected(*lease.broken);
  }
  const Instant at = now();
  const Instant deadline = deadline_of(options, at, prior);
  std::optional<std::stop_callback<std::function<void()>>> on_stop_requested;
  if (options.stop_token.stop_possible()) {
    on_stop_requested.emplace(options.stop_token, [this, &slot] { interrupt_lease(slot); });
  }
  begin_exchange(*slot.worker,
                 {.command = command,
                  .arguments = arguments.text,
                  .session = session,
                  .adds_session = prior.adds_session,
                  .deadline = deadline,
                  .label = options.label,
                  .traceparent = options.traceparent},
                 at);
  ExchangeOutcome outcome = drive_blocking(*slot.worker, spinner_, at);
  on_stop_requested.reset();
  if (options_.log_payloads) tell_payloads(slot, arguments.text, outcome);
  const Instant ended_at = outcome.ended_at;
  const ErrorCode code = code_of(outcome);
  lease.last = as_event(outcome, slot.id);
  if (code == ErrorCode::none && outcome.code == ErrorCode::none) {
    leave_lease_call(slot);
    return Reply{.result_text = std::move(outcome.result_text),
                 .worker = lease.worker,
                 .attempts = 1,
                 .queued = {},
                 .service = ended_at - at,
                 .affinity = slot.affinity};
  }
  if (code == ErrorCode::application_error && outcome.code == ErrorCode::none) {
    leave_lease_call(slot);
    Error error = make_error(code, application_sentence(lease.worker, *outcome.application));
    error.worker = lease.worker;
    error.application = outcome.application;
    return tl::unexpected(annotate(std::move(error), options));
  }
  // Broken: the worker goes back to the core at once, which decides what becomes of it. Never
  // "untouched": another worker would not have the state that the lease was taken for.
  if (outcome.verdict == core::ExchangeVerdict::lost ||
      outcome.verdict == core::ExchangeVerdict::violated) {
    outcome.progress = core::WireProgress::written;
  }
  end_exchange(slot, outcome, ended_at);
  await_decision(slot, core::never);
  Result<Reply> result = result_of(slot, std::move(outcome), at, ended_at);
  lease.broken = result ? make_error(ErrorCode::stray_output,
                                     "the lease's worker was retired after its last reply")
                        : result.error();
  return result;
}

void Engine::leave_lease_call(TicketSlot& slot) {
  const std::lock_guard lock{mutex_};
  slot.command.clear();
  slot.lease_in_call = false;
}

void Engine::interrupt_lease(TicketSlot& slot) {
  const std::lock_guard lock{mutex_};
  if (!slot.lease_in_call || slot.worker == nullptr) return;
  slot.worker->interrupts.fetch_or(interrupt_cancelled, std::memory_order_acq_rel);
  slot.worker->waiter->interrupt();
}

void Engine::release_lease(LeaseState& lease) {
  if (lease.slot == nullptr || is_forked_copy()) return;
  TicketSlot& slot = *std::exchange(lease.slot, nullptr);
  if (slot.phase.load(std::memory_order_acquire) == TicketSlot::Phase::granted) {
    WakeList wakes;
    {
      const std::lock_guard lock{mutex_};
      // Looked at again under the lock: the worker may just have been lost.
      if (slot.phase.load() == TicketSlot::Phase::granted) {
        lease.last.ticket = slot.id;  // none yet, if no call was made on it
        give_back(slot, lease.last, now(), wakes);
      }
    }
    wakes.notify_all();
  }
  await_decision(slot, core::never);
  release(slot);
}

}  // namespace ordeal::pool::runtime
