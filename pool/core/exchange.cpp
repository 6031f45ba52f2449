// How an exchange ends, and what that means for its ticket, its slot and its worker.
#include <algorithm>

#include "pool/core/assert.hpp"
#include "pool/core/state.hpp"

namespace ordeal::pool::core {

void Core::State::on(const event::ExchangeEnded& e) {
  Ticket* ticket = find(e.ticket);
  ORDEAL_ASSERT(ticket != nullptr && ticket->stage == Ticket::Stage::running,
                "an exchange ends once, and only for a granted ticket");
  // What nothing was asked of, and what the caller got wrong, says nothing about the worker.
  if (ticket->guarded) {
    guards_[ticket->id.index].neutral =
        e.progress == WireProgress::untouched ||
        (e.verdict == ExchangeVerdict::application_error && e.callers_fault);
  }
  switch (e.verdict) {
    case ExchangeVerdict::replied:
    case ExchangeVerdict::application_error:
      return on_replied(*ticket, e);
    case ExchangeVerdict::violated:
      return on_violated(*ticket, e);
    case ExchangeVerdict::lost:
      return on_lost(*ticket, e);
    case ExchangeVerdict::timed_out:
    case ExchangeVerdict::cancelled:
      return on_given_up(*ticket, e);
  }
}

void Core::State::on_replied(Ticket& ticket, const event::ExchangeEnded& e) {
  Worker& worker = holder(ticket);
  const bool application_error = e.verdict == ExchangeVerdict::application_error;
  // A lease that is given back unused has not been served.
  if (e.progress == WireProgress::written) {
    // A new worker has proved itself; not so one whose death has been counted already.
    if (worker.served == 0 && !worker.lifecycle.should_remove()) early_deaths_ = 0;
    ++worker.served;
    if (worker.served == worker.requests_max) mark(worker, TransitionReason::requests_max);
    worker.health.passed();
    if (!ticket.lease) {
      note_performance(worker, worker.slots[ticket.slot], application_error && !e.callers_fault);
    }
    note_answer(ticket, worker.slots[ticket.slot]);
  }
  if (application_error) {
    fail(ticket, ErrorCode::application_error, e.retryable ? Retryable::yes : Retryable::no,
         e.retry_after);
  } else {
    resolve(ticket, ErrorCode::none);
  }
  if (e.code != ErrorCode::none) {
    tell({.what = Occurrence::worker_faulted, .worker = worker.id, .code = e.code});
    recover(worker, WorkerFailure::protocol_violated);
  }
  note_held(worker.slots[ticket.slot]);
  free_slot(worker, ticket.slot);
}

void Core::State::on_violated(Ticket& ticket, const event::ExchangeEnded& e) {
  Worker& worker = holder(ticket);
  const ErrorCode code = e.code == ErrorCode::none ? ErrorCode::malformed_reply : e.code;
  tell(
      {.what = Occurrence::worker_faulted, .ticket = ticket.id, .worker = worker.id, .code = code});
  if (e.progress == WireProgress::untouched && !ticket.lease) {
    requeue(ticket);
  } else {
    fail(ticket, code);
  }
  recover(worker, WorkerFailure::protocol_violated);
  free_slot(worker, ticket.slot);
}

void Core::State::on_lost(Ticket& ticket, const event::ExchangeEnded& e) {
  Worker& worker = holder(ticket);
  ticket.reply_truncated = e.code == ErrorCode::truncated_reply;
  if (!worker.lifecycle.should_remove()) {
    // Most likely its process has ended and the news is on its way. Give it a moment, so that the
    // caller learns how it ended, and so that a stream closed by a living worker is told apart.
    recover(worker, WorkerFailure::stream_lost);
    worker.timer =
        timers.arm(after(now_, options.certificate_wait / 2), Timer::stream_grace, worker.id.index);
  }
  if (e.progress == WireProgress::untouched && !ticket.lease) {
    requeue(ticket);
    return free_slot(worker, ticket.slot);
  }
  if (worker.exited) {
    fail(ticket, loss_code(ticket, worker));
    return free_slot(worker, ticket.slot);
  }
  await_exit(ticket);
}

// Timed out or cancelled: what is left on the wire decides what the worker is still good for.
void Core::State::on_given_up(Ticket& ticket, const event::ExchangeEnded& e) {
  Worker& worker = holder(ticket);
  const bool timed_out = e.verdict == ExchangeVerdict::timed_out;
  switch (e.progress) {
    case WireProgress::untouched:
      if (!ticket.lease) take_back_attempt(ticket);
      give_up_waiting(ticket, timed_out ? ErrorCode::queue_timeout : ErrorCode::cancelled);
      return free_slot(worker, ticket.slot);
    case WireProgress::partial:
      resolve(ticket, timed_out ? ErrorCode::call_timeout : ErrorCode::cancelled_in_flight);
      recover(worker, WorkerFailure::request_cut_off);
      return free_slot(worker, ticket.slot);
    case WireProgress::written:
      resolve(ticket, timed_out ? ErrorCode::call_timeout : ErrorCode::cancelled_in_flight);
      if (timed_out && !ticket.lease) note_performance(worker, worker.slots[ticket.slot], true);
      note_owing(worker, timed_out ? WorkerFailure::call_timed_out : WorkerFailure::call_cancelled);
      if (worker.lifecycle.should_remove()) return free_slot(worker, ticket.slot);
      return quarantine(worker, ticket.slot);
  }
}

// It owes a reply. Calls that it did not answer in time count; one that was cancelled says nothing.
void Core::State::note_owing(Worker& worker, WorkerFailure failure) {
  if (!health_rules_.on() || worker.lifecycle.should_remove()) return;
  if (recovery_of(failure).counts) worker.health.failed();
  recover(worker, failure);
}

void Core::State::quarantine(Worker& worker, std::uint32_t slot) {
  Slot& s = worker.slots[slot];
  s.use = Slot::Use::dirty;
  s.ticket = no_index;
  s.quarantine = timers.arm(after(now_, options.quarantine_grace), Timer::quarantine_grace,
                            worker.id.index, slot);
  --worker.slots_granted;
  ++worker.slots_dirty;
  worker.lifecycle.set_health(Health::unknown);
  refresh(worker);
  if (!worker.lifecycle.should_remove()) actions.push(action::Drain{worker.id, slot});
}

void Core::State::on(const event::LateReplyDrained& e) {
  Worker* worker = find(e.worker);
  if (worker == nullptr || e.slot >= worker->slots.size()) return;
  Slot& slot = worker->slots[e.slot];
  if (slot.use != Slot::Use::dirty) return;  // its quarantine ended otherwise
  timers.cancel(slot.quarantine);
  note_held(slot);
  slot.use = Slot::Use::free;
  if (--worker->slots_dirty == 0) worker->lifecycle.set_health(Health::healthy);
  ++counters.late_replies_drained;
  refresh(*worker);
}

void Core::State::on_quarantine_grace(Worker& worker, std::uint32_t slot) {
  ORDEAL_ASSERT(worker.slots[slot].use == Slot::Use::dirty, "only a dirty slot is in quarantine");
  recover(worker, WorkerFailure::late_reply_overdue);
}

// The ticket has lost its worker's stream; its outcome waits for the exit to be known, so that the
// certificate is complete. Bounded: by certificate_wait, by its deadline, by the stop.
void Core::State::await_exit(Ticket& ticket) {
  Worker& worker = holder(ticket);
  worker.slots[ticket.slot].use = Slot::Use::lost;
  --worker.slots_granted;
  ++worker.slots_lost;
  ticket.stage = Ticket::Stage::awaiting_exit;
  timers.cancel(ticket.timer);
  const Instant until = std::min(after(now_, options.certificate_wait), ticket.deadline);
  if (until <= now_) return on_certificate(ticket.id.index);
  ticket.timer = timers.arm(until, Timer::certificate, ticket.id.index);
}

void Core::State::on_certificate(std::uint32_t index) {
  Ticket& ticket = tickets_[index];
  Worker& worker = holder(ticket);
  // If the deadline came first, nobody knows yet whether the process lives on; lost streams are
  // deaths but for rare exceptions, and stream_grace ends those.
  fail(ticket, loss_code(ticket, worker));
  free_slot(worker, ticket.slot);
}

void Core::State::on_stream_grace(Worker& worker) {
  if (worker.kill_sent) return;
  worker.stream_closed = true;
  recover(worker, WorkerFailure::stream_closed);
}

ErrorCode Core::State::loss_code(const Ticket& ticket, const Worker& worker) const {
  if (worker.stop_killed) return ErrorCode::stopped_in_flight;
  if (ticket.reply_truncated) return ErrorCode::truncated_reply;
  if (worker.stream_closed) return ErrorCode::worker_closed_stream;
  return ErrorCode::worker_died;
}

}  // namespace ordeal::pool::core
