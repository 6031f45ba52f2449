// Tickets: admitted or refused, waiting, granted, and their one outcome.
#include "pool/core/assert.hpp"
#include "pool/core/state.hpp"

namespace ordeal::pool::core {

Ticket* Core::State::find(TicketId id) {
  if (id.index >= tickets_.size()) return nullptr;
  Ticket& ticket = tickets_[id.index];
  return ticket.stage != Ticket::Stage::none && ticket.id == id ? &ticket : nullptr;
}

Ticket& Core::State::admit(const event::Submitted& e) {
  ORDEAL_ASSERT(e.ticket.serial > last_ticket_serial_, "ticket serials grow");
  last_ticket_serial_ = e.ticket.serial;
  if (e.ticket.index >= tickets_.size()) tickets_.resize(e.ticket.index + std::size_t{1});
  Ticket& ticket = tickets_[e.ticket.index];
  ORDEAL_ASSERT(ticket.stage == Ticket::Stage::none, "a ticket's index is free when it comes");
  ticket = Ticket{};
  ticket.id = e.ticket;
  ticket.lease = e.lease;
  ticket.idempotent = e.idempotent;
  if (e.retry.max_retries != 0) allow_retries(ticket, e.retry);
  if (e.session != no_session) join_session(ticket, e);
  if (e.circuit) guard(ticket, e.circuit);
  ticket.deadline = e.deadline;
  ticket.submitted_at = ticket.waits_since = now_;
  ++counters.submitted;
  tell_often(Occurrence::request_submitted, [&](action::Emit& told) { told.ticket = e.ticket; });
  return ticket;
}

void Core::State::on(const event::Submitted& e) {
  if (e.session != no_session) affinity_.enter(e.session);
  expire();  // whose time is over makes room for the newcomer
  if (breakers_refuse_) refuse_waiters();
  if (!queue_.empty()) serve_waiters();  // whose pause is over goes first
  Ticket& ticket = admit(e);
  if (stopping) return resolve(ticket, ErrorCode::pool_stopping);
  if (admission_ == Admission::draining) return resolve(ticket, ErrorCode::pool_draining);
  if (circuit_open) return turn_away(ticket, ErrorCode::workers_unavailable);
  if (ticket.deadline <= now_) return resolve(ticket, ErrorCode::queue_timeout);
  if (ticket.guarded) {
    const ErrorCode refusal = ask_breaker(ticket);
    if (refusal != ErrorCode::none) return turn_away(ticket, refusal);
  }
  if (has_lost_its_state(ticket)) return resolve(ticket, ErrorCode::session_state_lost);
  if (options.limit.on() && !limit_.admits(counters.queued + counters.running)) {
    return resolve(ticket, ErrorCode::concurrency_limited);
  }
  if (newest_available_ != no_index && !paused()) {
    ORDEAL_ASSERT(queue_.size_of(AdmissionQueue::shared_lane) == 0,
                  "(5) nobody barges: settle() has served all who waited");
    if (Worker* worker = worker_for(ticket)) {
      if (!shed(ticket) && take_permit(ticket)) grant(ticket, *worker);
      return;
    }
  }
  if (queue_.size() >= options.queue_max) {
    tell({.what = Occurrence::queue_full,
          .ticket = ticket.id,
          .count = static_cast<std::uint32_t>(queue_.size())});
    return turn_away(ticket, ErrorCode::queue_full);
  }
  if (lateness(ticket) > Duration::zero()) return resolve(ticket, ErrorCode::deadline_unreachable);
  wait_in_line(ticket);
}

// By its serial. settle() hands it a worker, if one is there.
void Core::State::wait_in_line(Ticket& ticket) {
  ticket.kept_to_worker = false;
  if (!has_to_wait_for_its_worker(ticket)) {
    queue_.insert(ticket.id.index, ticket.id.serial);
  } else {
    enter_lane(ticket);
  }
  ticket.stage = Ticket::Stage::queued;
  ticket.waits_since = now_;
  ++counters.queued;
  ticket.timer = timers.arm(ticket.deadline, Timer::queue_deadline, ticket.id.index);
}

void Core::State::leave_queue(Ticket& ticket) {
  ORDEAL_ASSERT(ticket.stage == Ticket::Stage::queued, "only a queued ticket leaves the queue");
  queue_.remove(ticket.id.index);
  timers.cancel(ticket.timer);
  if (ticket.session != no_session) timers.cancel(in_sessions_[ticket.id.index].timer);
  --counters.queued;
}

void Core::State::on_queue_deadline(std::uint32_t index) {
  Ticket& ticket = tickets_[index];
  leave_queue(ticket);
  give_up_waiting(ticket, ErrorCode::queue_timeout);
}

void Core::State::grant(Ticket& ticket, Worker& worker) {
  ORDEAL_ASSERT(worker.slots_dirty == 0, "a worker with a late reply outstanding gets no work");
  std::uint32_t slot = 0;
  while (worker.slots[slot].use != Slot::Use::free) ++slot;
  worker.slots[slot].use = Slot::Use::granted;
  worker.slots[slot].ticket = ticket.id.index;
  worker.slots[slot].taken_at = now_;
  ++worker.slots_granted;
  ticket.stage = Ticket::Stage::running;
  ticket.worker = worker.id;
  ticket.slot = slot;
  ++ticket.attempts;
  ticket.charged = false;
  if (!ticket.earned) retry_budget_.earn();
  ticket.earned = true;
  ++counters.running;
  if (ticket.lease) watch_lease(ticket);
  refresh(worker);
  Affinity::Bound bound{AffinityOutcome::none, {}};
  if (ticket.session != no_session) bound = bind(ticket, worker);
  actions.push(action::Grant{ticket.id, worker.id, slot, ticket.attempts, bound.outcome});
  tell_often(Occurrence::request_granted, [&](action::Emit& told) {
    told.affinity = bound.outcome;
    told.session = ticket.session;
    told.ticket = ticket.id;
    told.worker = worker.id;
    told.count = ticket.attempts;
    told.duration = now_ - ticket.submitted_at;
  });
  // Others of the session may wait for its former worker.
  if (bound.outcome == AffinityOutcome::rebound) leave_lane(bound.before, ticket.session);
}

// Its worker was found unusable before a byte was written: it did not happen, so it waits again
// where it stood, unless there is nothing left to wait for.
void Core::State::requeue(Ticket& ticket) {
  --counters.running;
  const WorkerId unusable = ticket.worker;
  if (ticket.guarded) return_permit(ticket, ErrorCode::cancelled);  // that is, neutral
  take_back_attempt(ticket);
  ticket.stage = Ticket::Stage::none;
  if (ticket.cancel_requested) return give_up_waiting(ticket, ErrorCode::cancelled);
  if (stopping) return give_up_waiting(ticket, ErrorCode::pool_stopping);
  if (ticket.deadline <= now_) return give_up_waiting(ticket, ErrorCode::queue_timeout);
  if (circuit_open) return turn_away(ticket, ErrorCode::workers_unavailable);
  if (ticket.guarded) {
    const ErrorCode refusal = ask_breaker(ticket);
    if (refusal != ErrorCode::none) return turn_away(ticket, refusal);
  }
  ticket.told_worker_gone = false;
  ++counters.requeued;
  tell({.what = Occurrence::request_requeued, .ticket = ticket.id, .worker = unusable});
  wait_again(ticket);
}

void Core::State::resolve(Ticket& ticket, ErrorCode code) {
  if (ticket.stage == Ticket::Stage::running || ticket.stage == Ticket::Stage::awaiting_exit) {
    --counters.running;
  } else if (ticket.stage == Ticket::Stage::backing_off) {
    --counters.backing_off;
  }
  Duration retry_after{};
  if (code == ErrorCode::deadline_unreachable) retry_after = lateness(ticket);
  if (ticket.guarded) {
    if (code == ErrorCode::circuit_open) retry_after = breaker_wait(ticket);
    leave_breaker(ticket, code);
  }
  if (ticket.charged) retry_budget_.refund();
  timers.cancel(ticket.timer);
  ticket.stage = Ticket::Stage::none;
  switch (code) {
    case ErrorCode::none:
      ++counters.ok;
      break;
    case ErrorCode::queue_timeout:
    case ErrorCode::call_timeout:
      if (options.limit.on()) limit_.note_missed_deadline();
      ++counters.timed_out;
      break;
    case ErrorCode::queue_full:
    case ErrorCode::workers_unavailable:
    case ErrorCode::pool_stopping:
    case ErrorCode::session_state_lost:
    case ErrorCode::circuit_open:
    case ErrorCode::circuit_half_open_limit:
    case ErrorCode::pool_draining:
    case ErrorCode::deadline_unreachable:
    case ErrorCode::concurrency_limited:
      ++counters.rejected;
      break;
    case ErrorCode::request_shed:
      ++counters.shed;
      break;
    case ErrorCode::cancelled:
    case ErrorCode::cancelled_in_flight:
      ++counters.cancelled;
      break;
    default:
      ++counters.failed;
      break;
  }
  const WorkerId worker =
      code == ErrorCode::session_state_lost ? affinity_.bound_to(ticket.session) : ticket.worker;
  actions.push(
      action::Resolve{ticket.id, code, worker, ticket.attempts, ticket.maybe_ran, retry_after});
  tell_often(Occurrence::request_resolved, [&](action::Emit& told) {
    told.ticket = ticket.id;
    told.worker = ticket.worker;
    told.code = code;
    told.maybe_ran = ticket.maybe_ran;
    told.count = ticket.attempts;
    told.duration = now_ - ticket.submitted_at;
  });
  if (ticket.session != no_session) leave_session(ticket);
}

void Core::State::resolve_all_waiters(ErrorCode code) {
  for (std::uint32_t lane = 1; lane < queue_.lanes(); ++lane) queue_.join(lane);
  while (const auto index = queue_.front()) {
    Ticket& ticket = tickets_[*index];
    leave_queue(ticket);
    code == ErrorCode::workers_unavailable ? turn_away(ticket, code)
                                           : give_up_waiting(ticket, code);
  }
}

void Core::State::on(const event::CancelRequested& e) {
  Ticket* ticket = find(e.ticket);
  if (ticket == nullptr) return;  // resolved already
  switch (ticket->stage) {
    case Ticket::Stage::none:
      return;
    case Ticket::Stage::queued:
      leave_queue(*ticket);
      return give_up_waiting(*ticket, ErrorCode::cancelled);
    case Ticket::Stage::backing_off:
      return give_up_waiting(*ticket, ErrorCode::cancelled);
    case Ticket::Stage::running:
      return interrupt(*ticket, InterruptReason::cancelled);
    // Its driver has let go; the outcome comes with the worker's exit, which is bounded.
    case Ticket::Stage::awaiting_exit:
      ticket->cancel_requested = true;
      return;
  }
}

void Core::State::interrupt(Ticket& ticket, InterruptReason reason) {
  bool& given =
      reason == InterruptReason::cancelled ? ticket.cancel_requested : ticket.told_worker_gone;
  if (given) return;
  given = true;
  actions.push(action::Interrupt{ticket.id, ticket.worker, reason});
}

}  // namespace ordeal::pool::core
