// The retries' part of the oracle: may this request be tried again, and when?
#include <algorithm>
#include <utility>

#include "testing/model/core_oracle.hpp"

namespace ordeal::trial {

using namespace pool::core;  // NOLINT: this file speaks the core's vocabulary throughout
using pool::ErrorCode;

// Pauses of no length that began within this event may have ended within it.
std::size_t CoreOracle::waiting_at_most() const {
  std::size_t count = waiting_.size();
  for (const auto& [serial, index] : pausing_) count += tickets_[index].pause_ends <= now_;
  return count;
}

// Whose pause is over waits again, by its serial.
void CoreOracle::end_pauses() {
  const auto pausing = pausing_;
  for (const auto& [serial, index] : pausing) end_pause(tickets_[index]);
}

void CoreOracle::end_pause(Ticket& ticket) {
  if (ticket.stage != Stage::pausing || ticket.pause_ends > now_) return;
  ticket.stage = Stage::waiting;
  ticket.waits_since = now_;
  waiting_.emplace(ticket.id.serial, ticket.id.index);
  pausing_.erase(ticket.id.serial);
}

namespace {

// A milli-retry a second is so many of these in a nanosecond: what the budget earns is whole.
constexpr std::int64_t budget_unit = 1'000'000;
constexpr std::int64_t retry_costs = 1'000 * budget_unit;
// The core counts in whole milli-retries.
constexpr std::int64_t rounding = 2 * budget_unit;

}  // namespace

void CoreOracle::on(const event::Opened&) {
  budget_at_ = now_;
  budget_ = options_.retry_budget_max * retry_costs;
}

std::int64_t CoreOracle::budget_earned() const {
  return 10 * budget_unit * std::int64_t{options_.retry_budget_percent};
}

void CoreOracle::accrue() {
  const std::int64_t full = options_.retry_budget_max * retry_costs;
  const Duration passed = std::min<Duration>(now_ - budget_at_, std::chrono::hours{1});
  budget_at_ = now_;
  budget_ += passed.count() * options_.retry_budget_per_second;
  budget_ = std::min(budget_, full);
}

// (B5 14) The budget begins full, and is never more than that.
void CoreOracle::charge(Ticket& ticket) {
  if (ticket.turned_away) return;  // charged, and has not begun since
  ticket.turned_away = true;
  accrue();
  expect(budget_ >= retry_costs - rounding, "(B5 14) more retries than the budget allows",
         ticket.id.serial);
  budget_ -= retry_costs;
}

// A retry that was paid for and has not begun.
void CoreOracle::refund(const Ticket&) {
  accrue();
  budget_ += retry_costs;
}

void CoreOracle::told_exhausted(const action::Emit& a) {
  const Ticket* ticket = find(a.ticket);
  expect(ticket != nullptr, "(38) a request is tried no more after its outcome", a.ticket.serial);
  if (ticket == nullptr) return;
  if (a.stop == RetryStop::attempts) {
    expect(ticket->retries >= ticket->retry.max_retries,
           "(38) a request is tried no more, and has retries left", a.ticket.serial);
  }
  if (a.stop != RetryStop::budget) return;
  accrue();
  expect(budget_ < retry_costs + rounding, "(B5 14) a retry is refused that the budget allows",
         a.ticket.serial);
}

namespace {

__extension__ using Wide = __int128;

// (40) Each kind of backoff by its definition, as wide as need be.
Wide without_jitter(const pool::RetryPolicy& policy, std::uint32_t retry) {
  const Wide base = std::max<Wide>(policy.base_delay.count(), 0);
  Wide before = 0;
  Wide delay = base;
  switch (policy.backoff) {
    case pool::Backoff::constant:
    case pool::Backoff::decorrelated:
      break;
    case pool::Backoff::linear:
      return base * retry;
    case pool::Backoff::exponential:
      return base << std::min(retry - 1, 60U);
    case pool::Backoff::fibonacci:
      for (std::uint32_t i = 1; i < std::min(retry, 80U); ++i) {
        before = std::exchange(delay, before + delay);
      }
      break;
    case pool::Backoff::custom:
      return policy.delays.at(retry).count();
  }
  return delay;
}

}  // namespace

// (39, 40, 41) The delay is the backoff's, jitter goes both ways, and none is beyond its bounds.
void CoreOracle::check_delay(Ticket& ticket, const action::Pause& a) {
  const pool::RetryPolicy& policy = ticket.retry;
  const Duration last = std::exchange(ticket.last_delay, a.delay);
  if (ticket.circuit) return;  // it may have to wait for that, too
  const Wide cap = std::max<Wide>(policy.max_delay.count(), 0);
  // That the worker has asked for; the backoff comes on top.
  const Wide wait = a.code == ErrorCode::application_error ? ticket.retry_after.count() : 0;
  Wide lowest = std::min(cap, without_jitter(policy, a.retry));
  Wide highest = lowest;
  if (policy.backoff == pool::Backoff::decorrelated) {
    highest = std::max(lowest, std::min(cap, 3 * std::max<Wide>(last.count(), lowest)));
  } else {
    const Wide jitter = lowest * std::min<std::uint32_t>(policy.jitter_percent, 100) / 100;
    highest = std::min(cap, lowest + jitter);
    const bool both_ways = jitter > 1'000 && lowest + jitter <= cap && wait == 0;
    if (both_ways) ++(a.delay.count() > lowest ? above_middle_ : below_middle_);
    lowest -= jitter;
  }
  lowest = std::min(lowest, cap - wait) + wait;
  highest = std::min(highest, cap - wait) + wait;
  expect(a.delay.count() >= lowest - 1 && a.delay.count() <= highest + 1,
         "(40, 41) a delay that its backoff and jitter do not have", a.ticket.serial);
  // By chance once in 2^60.
  constexpr std::uint32_t many = 60;
  expect(above_middle_ + below_middle_ < many || (above_middle_ > 0 && below_middle_ > 0),
         "(41) jitter goes one way alone", a.ticket.serial);
}

namespace {

bool may_have_run(std::uint64_t failures) {
  std::uint64_t indeterminate = 0;
  for (std::uint8_t i = 0; i < pool::error_code_count; ++i) {
    const bool is = traits(static_cast<ErrorCode>(i)).certainty == pool::Certainty::indeterminate;
    if (is) indeterminate |= std::uint64_t{1} << i;
  }
  return (failures & indeterminate) != 0;
}

}  // namespace

// What a caller is told whose time is over, or who gives up, before a worker has seen this attempt.
ErrorCode CoreOracle::give_up_code(const Ticket& ticket, bool timed_out) {
  if (timed_out) return ticket.seen ? ticket.failure : ErrorCode::queue_timeout;
  return may_have_run(ticket.failures) ? ErrorCode::cancelled_in_flight : ErrorCode::cancelled;
}

// Whether the caller is told of the attempts that happened, and of their last worker.
void CoreOracle::check_seen(const Ticket& ticket, const action::Resolve& a) {
  expect(a.maybe_ran == may_have_run(ticket.failures),
         "a request's certainty forgets its earlier attempts", a.ticket.serial);
  // Who lost its worker's state is told whom the session is bound to now.
  expect(a.worker == ticket.seen_by || a.code == ErrorCode::session_state_lost,
         "a request is told of a worker that did not see it last", a.ticket.serial);
  expect(a.attempts == ticket.attempts, "a request is told of more or fewer attempts than it had",
         a.ticket.serial);
}

void CoreOracle::on(const action::Pause& a) {
  Ticket* ticket = find(a.ticket);
  const std::uint64_t serial = a.ticket.serial;
  expect(ticket != nullptr, "(38) a request pauses after its outcome", serial);
  if (ticket == nullptr) return;
  end_pause(*ticket);
  const auto bit = std::uint64_t{1} << static_cast<unsigned>(a.code);
  expect(a.retry == ++ticket->retries && a.retry <= ticket->retry.max_retries,
         "(38) a retry too many, or counted wrongly", serial);
  expect(a.delay >= Duration::zero() && a.delay <= ticket->retry.max_delay,
         "(39) 0 <= delay <= max_delay", serial);
  expect(!stopping_ && !ticket->cancelled, "(38) a pause after a stop or a cancel", serial);
  ticket->pause_ends = pool::core::after(now_, a.delay);
  expect(ticket->pause_ends < ticket->deadline, "(B5 15) a pause that ends after the deadline",
         serial);
  if (ticket->stage == Stage::ended) {
    expect((ticket->allowed & bit) != 0, "(53) a request pauses with another code than it got",
           serial);
    expect(ticket->idempotent && !ticket->lease,
           "(38) what a worker may have done is to be done again", serial);
    const bool says = a.code == ErrorCode::application_error ? ticket->worker_said_retry
                                                             : traits(a.code).retryable;
    expect(says, "(38) a retry of what no retry mends", serial);
    expect(a.code != ErrorCode::application_error || a.delay >= ticket->retry_after,
           "a retry before the time that the worker named", serial);
    if (a.code != ErrorCode::application_error) ++ticket->deaths;
    expect(ticket->deaths < options_.poison_deaths_max, "a poisoned request is tried again",
           serial);
    check_loss(*ticket, a.code);
    judge_loss(*ticket, a.code);
    ticket->seen = true;
    ticket->failures |= bit;
    ticket->failure = a.code;
    --workers_[ticket->worker.index].holds;
    --running_;
    std::erase(ended_, ticket->id.index);
  } else {
    expect(ticket->stage == Stage::waiting, "(38) a pause of a request that runs", serial);
    if (refused(*ticket, a.code)) {
      // and tries again later
    } else if (a.code == ErrorCode::queue_full) {
      expect(waiting_at_most() - 1 >= options_.queue_max, "queue_full, and the queue has room",
             serial);
    } else {
      expect(a.code == ErrorCode::workers_unavailable && serving_ == 0,
             "a waiting request pauses without reason", serial);
      unavailable_said_ = true;
    }
    waiting_.erase(serial);
  }
  if (ticket->circuit) {
    expect(ticket->pause_ends >= circuit_of(ticket->circuit).retry_from(now_),
           "a retry begins while its circuit is open", serial);
  }
  check_delay(*ticket, a);
  charge(*ticket);
  ticket->interrupted_gone = false;
  ticket->stage = Stage::pausing;
  pausing_.emplace(serial, ticket->id.index);
}

}  // namespace ordeal::trial
