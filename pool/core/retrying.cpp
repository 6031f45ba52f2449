// What becomes of a ticket that has failed: a pause and another try, or its outcome.
//
//     queued ──grant──▶ running ──fails──▶ backing_off ──pause over──▶ queued, at its serial's
//     place
//        └──turned away (queue full, circuit open)──▲
//
// A ticket that a worker may have seen is told its last attempt's error if its retry cannot take
// place (deadline, stop, no worker): that error is what happened to it.
#include <algorithm>

#include "pool/core/assert.hpp"
#include "pool/core/retry.hpp"
#include "pool/core/state.hpp"

namespace ordeal::pool::core {

void Core::State::allow_retries(Ticket& ticket, const RetryPolicy& policy) {
  if (retries_.size() < tickets_.size()) retries_.resize(tickets_.size());
  ticket.may_retry = true;
  retries_[ticket.id.index] = Retries{.policy = policy};
}

void Core::State::fail(Ticket& ticket, ErrorCode code) {
  fail(ticket, code, traits(code).retryable ? Retryable::yes : Retryable::no, Duration::zero());
}

// An attempt that a worker may have seen has failed.
void Core::State::fail(Ticket& ticket, ErrorCode code, Retryable retryable, Duration retry_after) {
  if (ticket.guarded) return_permit(ticket, code);
  if (!ticket.may_retry) return resolve(ticket, code);
  if (ticket.lease || !ticket.idempotent || ticket.cancel_requested || stopping ||
      retryable == Retryable::no) {
    return resolve(ticket, code);
  }
  // Of the errors that come here this one alone leaves its worker as good as before.
  Retries& retries = retries_[ticket.id.index];
  if (code != ErrorCode::application_error) ++retries.deaths;
  if (retries.deaths >= options.poison_deaths_max) {
    tell_exhausted(ticket, code, RetryStop::poisoned);
    return resolve(ticket, ErrorCode::poisoned_request);
  }
  if (!pause(ticket, code, retry_after)) return resolve(ticket, code);
  ticket.failure = code;
  ticket.failed_on = ticket.worker;
  ticket.maybe_ran = ticket.maybe_ran || traits(code).certainty == Certainty::indeterminate;
}

// It has not reached a worker, this time.
void Core::State::turn_away(Ticket& ticket, ErrorCode code) {
  if (ticket.may_retry && !stopping && pause(ticket, code, Duration::zero())) return;
  give_up_waiting(ticket, code);
}

void Core::State::give_up_waiting(Ticket& ticket, ErrorCode why) {
  if (why == ErrorCode::cancelled) {
    return resolve(ticket, ticket.maybe_ran ? ErrorCode::cancelled_in_flight : why);
  }
  resolve(ticket, ticket.failure == ErrorCode::none ? why : ticket.failure);
}

// Schedules the next retry, if there may be one.
bool Core::State::pause(Ticket& ticket, ErrorCode code, Duration retry_after) {
  Retries& retries = retries_[ticket.id.index];
  if (retries.scheduled >= retries.policy.max_retries) {
    tell_exhausted(ticket, code, RetryStop::attempts);
    return false;
  }
  Duration delay =
      retry_delay(retries.policy, retries.scheduled + 1, retries.last_delay, retry_random_);
  // A retry that finds its circuit still open would be one for nothing, and so would one before the
  // time that the worker named. The policy's delay comes on top: not all are to come back at once.
  const Duration circuit = breaker_wait(ticket);
  if (const Duration wait = std::max(circuit, retry_after); wait > Duration::zero()) {
    if (wait > retries.policy.max_delay) {
      tell_exhausted(ticket, code, circuit == wait ? RetryStop::breaker : RetryStop::told);
      return false;
    }
    delay = std::min(delay, retries.policy.max_delay - wait) + wait;
  }
  const Instant until = after(now_, delay);
  if (until >= ticket.deadline) {
    tell_exhausted(ticket, code, RetryStop::deadline);
    return false;
  }
  // A charge for a retry that never began is still there to be used.
  if (!ticket.charged && !retry_budget_.charge(now_)) {
    tell_exhausted(ticket, code, RetryStop::budget);
    return false;
  }
  if (ticket.stage == Ticket::Stage::running || ticket.stage == Ticket::Stage::awaiting_exit) {
    --counters.running;
  }
  timers.cancel(ticket.timer);
  ticket.stage = Ticket::Stage::backing_off;
  ticket.charged = true;
  retries.last_delay = delay;
  ticket.told_worker_gone = false;
  ++retries.scheduled;
  ++counters.backing_off;
  ++counters.retries;
  ticket.timer = timers.arm(until, Timer::retry_pause, ticket.id.index);
  actions.push(action::Pause{ticket.id, code, ticket.worker, retries.scheduled, delay});
  tell({.what = Occurrence::request_retry_scheduled,
        .ticket = ticket.id,
        .worker = ticket.worker,
        .code = code,
        .count = retries.scheduled,
        .duration = delay});
  return true;
}

void Core::State::tell_exhausted(const Ticket& ticket, ErrorCode code, RetryStop why) {
  tell({.what = Occurrence::request_retry_exhausted,
        .stop = why,
        .ticket = ticket.id,
        .worker = ticket.worker,
        .code = code,
        .count = retries_[ticket.id.index].scheduled});
}

// Now it waits where it stood by its serial; settle() hands it a worker.
void Core::State::on_retry_pause(std::uint32_t index) {
  Ticket& ticket = tickets_[index];
  ORDEAL_ASSERT(ticket.stage == Ticket::Stage::backing_off, "only a pausing ticket's pause ends");
  --counters.backing_off;
  ticket.stage = Ticket::Stage::none;
  if (circuit_open) return turn_away(ticket, ErrorCode::workers_unavailable);
  if (ticket.guarded) {
    const ErrorCode refusal = ask_breaker(ticket);
    if (refusal != ErrorCode::none) return turn_away(ticket, refusal);
  }
  // Who had a worker already has been admitted; how many those are the budget bounds.
  if (ticket.attempts == 0 && !has_room()) return turn_away(ticket, ErrorCode::queue_full);
  wait_again(ticket);
}

// Whether one more may wait, those not counted that are about to get a worker.
bool Core::State::has_room() const {
  if (queue_.size() < options.queue_max) return true;
  if (paused()) return false;
  std::size_t free_slots = 0;
  for (std::uint32_t i = newest_available_; i != no_index; i = workers_[i].older) {
    free_slots += workers_[i].slots.size() - workers_[i].slots_granted;
  }
  std::size_t next = queue_.size_of(AdmissionQueue::shared_lane);
  for (const std::uint32_t index : wanted_) next += queue_.size_of(lane_of(workers_[index].id));
  return queue_.size() - std::min(next, free_slots) < options.queue_max;
}

void Core::State::resolve_all_paused(ErrorCode code) {
  for (std::size_t i = 0; i < tickets_.size() && counters.backing_off > 0; ++i) {
    if (tickets_[i].stage == Ticket::Stage::backing_off) give_up_waiting(tickets_[i], code);
  }
}

// It was granted, and the worker has not seen a byte of it: if it was a retry, that has not begun,
// and what is told of it is told of its last attempt's worker.
void Core::State::take_back_attempt(Ticket& ticket) {
  --ticket.attempts;
  ticket.worker = ticket.failed_on;
  ticket.charged = ticket.may_retry && retries_[ticket.id.index].scheduled > 0;
}

}  // namespace ordeal::pool::core
