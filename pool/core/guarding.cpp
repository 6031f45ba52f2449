// Circuits on a request's way: asked when it comes and when it is tried again, a permit with each
// grant, and how the attempt went when it ends.
//
//     submitted ──ask──▶ queued ──take_permit──▶ running ──return_permit──▶ resolved, paused,
//     queued
//         │                 │
//         └──── circuit_open, circuit_half_open_limit (turned away: a retry, or the outcome)
//
// A circuit that opens turns away at once who waits behind it (refuse_waiters, from settle()).
#include "pool/core/assert.hpp"
#include "pool/core/state.hpp"

namespace ordeal::pool::core {
namespace {

// What the end of an attempt says about the worker.
Circuit::Outcome outcome_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::none:
      return Circuit::Outcome::success;
    case ErrorCode::call_timeout:
    case ErrorCode::worker_died:
    case ErrorCode::worker_closed_stream:
    case ErrorCode::malformed_frame:
    case ErrorCode::malformed_reply:
    case ErrorCode::reply_id_mismatch:
    case ErrorCode::reply_too_large:
    case ErrorCode::truncated_reply:
    case ErrorCode::stray_output:
    case ErrorCode::application_error:
      return Circuit::Outcome::failure;
    default:  // nothing was asked of it, the caller gave up, or the pool stops
      return Circuit::Outcome::neutral;
  }
}

Occurrence occurrence_of(const Circuit::Change& change, bool by_hand) {
  if (by_hand) return Occurrence::breaker_ordered;
  if (change.to == CircuitState::half_open) return Occurrence::breaker_half_opened;
  if (change.to == CircuitState::closed) return Occurrence::breaker_closed;
  return change.from == CircuitState::half_open ? Occurrence::breaker_reopened
                                                : Occurrence::breaker_opened;
}

// REQUIRES: not admitted.
ErrorCode refusal_of(Circuit::Verdict verdict) {
  return verdict == Circuit::Verdict::open ? ErrorCode::circuit_open
                                           : ErrorCode::circuit_half_open_limit;
}

}  // namespace

void Core::State::guard(Ticket& ticket, CircuitId circuit) {
  if (guards_.size() < tickets_.size()) guards_.resize(tickets_.size());
  ticket.guarded = true;
  guards_[ticket.id.index] = Guard{.circuit = circuit};
  ++breakers_.of(circuit).users;
}

// none, or why the request is turned away.
ErrorCode Core::State::ask_breaker(const Ticket& ticket) {
  Breakers::Record& record = breakers_.at(guards_[ticket.id.index].circuit.index);
  const Circuit::Verdict verdict = record.circuit.ask(now_);
  note_changes(record);
  if (verdict == Circuit::Verdict::admitted) return ErrorCode::none;
  ++record.rejected;
  return refusal_of(verdict);
}

// Before each grant. False: the ticket has been turned away.
bool Core::State::take_permit(Ticket& ticket) {
  if (!ticket.guarded) return true;
  Guard& guard = guards_[ticket.id.index];
  Breakers::Record& record = breakers_.at(guard.circuit.index);
  const Circuit::Acquired acquired = record.circuit.acquire(now_);
  note_changes(record);
  if (acquired.verdict == Circuit::Verdict::admitted) {
    guard.has_permit = true;
    guard.neutral = false;
    guard.epoch = acquired.epoch;
    guard.granted_at = now_;
    return true;
  }
  ++record.rejected;
  turn_away(ticket, refusal_of(acquired.verdict));
  return false;
}

// The attempt has ended so. No-op for a ticket that has no permit.
void Core::State::return_permit(Ticket& ticket, ErrorCode code) {
  Guard& guard = guards_[ticket.id.index];
  if (!guard.has_permit) return;
  guard.has_permit = false;
  Breakers::Record& record = breakers_.at(guard.circuit.index);
  record.circuit.report(guard.epoch, guard.neutral ? Circuit::Outcome::neutral : outcome_of(code),
                        now_ - guard.granted_at, now_);
  note_changes(record);
}

void Core::State::leave_breaker(Ticket& ticket, ErrorCode code) {
  return_permit(ticket, code);
  --breakers_.at(guards_[ticket.id.index].circuit.index).users;
}

// For how long a retry would surely be one for nothing. A half-open circuit may let it in as soon
// as a trial has ended, but not in this instant.
Duration Core::State::breaker_wait(const Ticket& ticket) {
  if (!ticket.guarded) return Duration::zero();
  Breakers::Record& record = breakers_.at(guards_[ticket.id.index].circuit.index);
  const Circuit::Verdict verdict = record.circuit.ask(now_);
  note_changes(record);
  return verdict == Circuit::Verdict::half_open_limit ? Duration{1}
                                                      : record.circuit.time_until_retry(now_);
}

void Core::State::note_changes(Breakers::Record& record, bool by_hand) {
  if (!record.circuit.has_changed()) return;  // most often: worth a look of its own
  while (const auto change = record.circuit.take_change()) {
    tell({.what = occurrence_of(*change, by_hand),
          .count = change->failures,
          .duration = change->retry_after,
          .circuit = record.id,
          .circuit_from = change->from,
          .circuit_to = change->to});
    timers.cancel(record.half_open);
    if (const auto until = record.circuit.half_open_until(); until && !stopping) {
      record.half_open = timers.arm(*until, Timer::half_open, record.id.index);
    }
    if (change->to == CircuitState::open || change->to == CircuitState::forced_open) {
      record.refuses = true;
      breakers_refuse_ = true;
    }
  }
}

void Core::State::on_half_open_expiry(std::uint32_t index) {
  Breakers::Record& record = breakers_.at(index);
  record.circuit.expire(now_);
  note_changes(record);
}

// Who waits behind a circuit that has just opened hears of it now, not when a worker is free.
void Core::State::refuse_waiters() {
  breakers_refuse_ = false;
  for (Ticket& ticket : tickets_) {
    if (!ticket.guarded || ticket.stage != Ticket::Stage::queued) continue;
    if (!breakers_.at(guards_[ticket.id.index].circuit.index).refuses) continue;
    const ErrorCode refusal = ask_breaker(ticket);
    if (refusal == ErrorCode::none) continue;
    leave_queue(ticket);
    turn_away(ticket, refusal);
  }
  for (std::uint32_t i = 0; i < breakers_.all().size(); ++i) breakers_.at(i).refuses = false;
}

void Core::State::forget_half_open_timers() {
  for (std::uint32_t i = 0; i < breakers_.all().size(); ++i) {
    timers.cancel(breakers_.at(i).half_open);
  }
}

void Core::State::on(const event::CircuitOrdered& e) {
  Breakers::Record& record = breakers_.of(e.circuit);
  record.circuit.expire(now_);
  note_changes(record);
  record.circuit.order(e.order, now_);
  note_changes(record, true);
}

std::vector<CircuitView> Core::State::circuit_views(Instant now) const {
  std::vector<CircuitView> views;
  for (const Breakers::Record& r : breakers_.all()) {
    if (!r.id) continue;
    const Circuit& c = r.circuit;
    views.push_back({.id = r.id,
                     .state = c.state(),
                     .epoch = c.epoch(),
                     .retry_after = c.time_until_retry(now),
                     .failures = c.failures(),
                     .successes = c.successes(),
                     .trials = c.permits_out(),
                     .calls = c.window().calls,
                     .slow = c.window().slow,
                     .opened = c.opened(),
                     .rejected = r.rejected,
                     .stale_results = c.stale(),
                     .would_have_opened = c.would_have_opened()});
  }
  return views;
}

}  // namespace ordeal::pool::core
