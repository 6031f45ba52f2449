// The actions' half of the oracle: may the core say this now?
#include <algorithm>

#include "testing/model/core_oracle.hpp"

namespace ordeal::trial {

using namespace pool::core;  // NOLINT: this file speaks the core's vocabulary throughout
using pool::ErrorCode;

void CoreOracle::action(const Action& action) {
  if (!error_.empty()) return;
  std::visit([this](const auto& a) { on(a); }, action);
}

void CoreOracle::on(const action::Spawn& a) {
  expect(!stopping_, "(10) a worker is spawned after the stop", a.worker.serial);
  expect(a.worker.serial == last_worker_serial_ + 1, "(6) worker serials count up",
         a.worker.serial);
  expect(starting_ < options_.starts_parallel_max, "(8) too many starts at once", a.worker.serial);
  check_spawn(a);
  expect(now_ >= no_start_before_, "(8) a start before its back-off is over", a.worker.serial);
  last_worker_serial_ = a.worker.serial;
  if (a.worker.index >= workers_.size()) workers_.resize(a.worker.index + std::size_t{1});
  Worker& worker = workers_[a.worker.index];
  expect(!worker.id, "(6) a worker's index is taken over before it is forgotten", a.worker.serial);
  worker = Worker{};
  worker.id = a.worker;
  worker.generation = a.generation;
  worker.starting = true;
  worker.patient_since = now_;
  ++starting_;
  ++known_;
}

void CoreOracle::on(const action::Grant& a) {
  end_pauses();
  expect(!stopping_, "(10) a grant after the stop", a.ticket.serial);
  Ticket* ticket = find(a.ticket);
  Worker* worker = find(a.worker);
  expect(ticket != nullptr && ticket->stage == Stage::waiting,
         "(5) a grant to a ticket that does not wait", a.ticket.serial);
  expect(worker != nullptr, "(6) a grant of a worker that is not known", a.worker.serial);
  if (!error_.empty()) return;
  check_order(*ticket, *worker);
  expect(ticket->deadline > now_, "(5) a grant to an expired request", a.ticket.serial);
  expect(!ticket->cancelled, "(9) a grant to a cancelled request", a.ticket.serial);
  expect(admission_ != Admission::draining || just_submitted_ != a.ticket.serial,
         "(1c) a request is let in while the pool drains", a.ticket.serial);
  expect(could_take(*worker), "(12, 21) a grant of a worker that takes no work", a.worker.serial);
  expect(a.slot < worker->slots.size() && worker->slots[a.slot] == Use::free,
         "(4) a grant of a slot that is not free", a.worker.serial);
  if (ticket->attempts == 0) note_turn(*ticket);
  expect(a.attempt == ++ticket->attempts, "an attempt is counted wrongly", a.ticket.serial);
  expect(ticket->attempts <= ticket->retry.max_retries + 1, "(38, B5 13) an attempt too many",
         a.ticket.serial);
  expect(!ticket->seen || ticket->idempotent, "(38) what a worker may have done is done again",
         a.ticket.serial);
  if (!ticket->was_granted) budget_ += budget_earned();
  ticket->was_granted = true;
  ticket->turned_away = false;
  check_affinity(*ticket, *worker, a);
  if (!error_.empty()) return;
  admitted(*ticket, a.ticket.serial);
  worker->slots[a.slot] = Use::granted;
  worker->taken_at[a.slot] = ticket->taken_at = now_;
  ticket->overdue = false;
  ++worker->holds;
  waiting_.erase(a.ticket.serial);
  ticket->stage = Stage::running;
  ticket->worker = a.worker;
  ticket->slot = a.slot;
  ++running_;
}

void CoreOracle::count(ErrorCode code) {
  switch (code) {
    case ErrorCode::none:
      ++counters_.ok;
      break;
    case ErrorCode::queue_timeout:
    case ErrorCode::call_timeout:
      ++limit_misses_;
      ++counters_.timed_out;
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
      ++counters_.rejected;
      break;
    case ErrorCode::request_shed:
      ++counters_.shed;
      break;
    case ErrorCode::cancelled:
    case ErrorCode::cancelled_in_flight:
      ++counters_.cancelled;
      break;
    default:
      ++counters_.failed;
      break;
  }
}

// Why may a ticket leave the queue, or its pause, without a worker?
void CoreOracle::end_wait(Ticket& ticket, ErrorCode code) {
  const std::uint64_t serial = ticket.id.serial;
  if (ticket.seen && code != ErrorCode::cancelled && code != ErrorCode::cancelled_in_flight) {
    // What happened to it is what it is told.
    expect(code == ticket.failure,
           "a request that was tried is told something else than how it failed", serial);
    const bool circuit = may_be_refused(ticket);
    const bool unavailable = !stopping_ && ticket.deadline > now_ && serving_ == 0 && !circuit;
    const bool needless = !stopping_ && ticket.deadline > now_ && serving_ > 0 && !circuit;
    expect(!needless || has_lost_its_state(ticket),
           "a request that waits for its retry is given up without need", serial);
    if (unavailable && ticket.state_in_worker == 0) unavailable_said_ = true;
    waiting_.erase(serial);
    return;
  }
  if (refused(ticket, code)) {
    waiting_.erase(serial);
    return;
  }
  switch (code) {
    case ErrorCode::queue_timeout:
      expect(ticket.deadline <= now_, "a queue_timeout before the deadline", serial);
      break;
    case ErrorCode::cancelled_in_flight:
      expect(ticket.seen, "cancelled_in_flight, and no worker has seen it", serial);
      [[fallthrough]];
    case ErrorCode::cancelled:
      expect(just_cancelled_ == serial, "cancelled, and nobody asked for it", serial);
      break;
    case ErrorCode::pool_stopping:
      expect(stopping_, "pool_stopping, and the pool does not stop", serial);
      break;
    case ErrorCode::pool_draining:
      ++operations_.turned_away;
      expect(admission_ == Admission::draining && just_submitted_ == serial,
             "(1c) pool_draining, and the pool does not drain, or has let it in", serial);
      break;
    case ErrorCode::deadline_unreachable:
      check_late(ticket);
      break;
    case ErrorCode::concurrency_limited:
      expect(options_.limit.on() && just_submitted_ == serial,
             "(B5 22) concurrency_limited, and nobody asked for it, or it was let in", serial);
      expect(waiting_.size() - 1 + running_ >= options_.limit.min,
             "(B5 22) concurrency_limited, with fewer in the pool than are always let in", serial);
      break;
    case ErrorCode::request_shed:
      check_shed(ticket);
      break;
    case ErrorCode::workers_unavailable:
      expect(serving_ == 0, "workers_unavailable, and one is alive", serial);
      unavailable_said_ = true;
      break;
    case ErrorCode::session_state_lost:
      ++seen_.state_lost;
      expect(has_lost_its_state(ticket), "session_state_lost, and the state is where it was",
             serial);
      break;
    case ErrorCode::queue_full:
      expect((just_submitted_ == serial || ticket.retries > 0) &&
                 waiting_at_most() - 1 >= options_.queue_max,
             "queue_full, and the queue has room", serial);
      break;
    default:
      expect(false, "a waiting ticket is resolved with a code for running ones", serial);
  }
  waiting_.erase(serial);
}

// Of those that a lost stream allows: what the core did to the process decides.
void CoreOracle::check_loss(const Ticket& ticket, ErrorCode code) {
  const Worker& worker = workers_[ticket.worker.index];
  const bool killed = worker.kill_sent;
  if (code == ErrorCode::stopped_in_flight) {
    expect(killed && worker.kill_reason == KillReason::stop_grace_over,
           "stopped_in_flight, and no stop has killed the worker", ticket.id.serial);
  } else if (code == ErrorCode::worker_closed_stream) {
    expect(killed && worker.kill_reason == KillReason::fault,
           "worker_closed_stream, and the worker was not killed for it", ticket.id.serial);
  }
}

// (43) What is said of a code in general holds for the request that gets it: whether a worker may
// have acted on it, and whose doing it was.
void CoreOracle::check_traits(const Ticket& ticket, ErrorCode code) {
  if (code == ErrorCode::none) return;
  using C = pool::ErrorCategory;
  const pool::ErrorTraits& said = traits(code);
  const bool before_a_byte = code == ErrorCode::queue_timeout || code == ErrorCode::cancelled;
  const bool answered = ticket.verdict == ExchangeVerdict::application_error;
  const bool failed = said.certainty == pool::Certainty::failed;
  expect(failed == (before_a_byte || answered) || ticket.failures != 0,
         "(43) an error says that nothing has happened, or may have, and it is otherwise",
         ticket.id.serial);
  C category = C::connection;
  switch (ticket.verdict) {
    case ExchangeVerdict::replied:
      return;
    case ExchangeVerdict::application_error:
      category = C::python;
      break;
    case ExchangeVerdict::violated:
      category = C::communication;
      break;
    case ExchangeVerdict::timed_out:
    case ExchangeVerdict::cancelled:
      category = C::timeout;
      break;
    case ExchangeVerdict::lost:
      if (code == ErrorCode::stopped_in_flight) category = C::resource;
      if (code == ErrorCode::truncated_reply) category = C::communication;
      break;
  }
  if (code == ErrorCode::poisoned_request) category = C::connection;
  expect(said.category == category || ticket.failures != 0,
         "(43) an error is of another category than what has happened", ticket.id.serial);
}

void CoreOracle::on(const action::Resolve& a) {
  Ticket* ticket = find(a.ticket);
  expect(ticket != nullptr, "(53) a ticket that is not open is resolved", a.ticket.serial);
  if (ticket == nullptr) return;
  end_pause(*ticket);
  check_seen(*ticket, a);
  switch (ticket->stage) {
    case Stage::none:
      break;
    case Stage::waiting:
    case Stage::pausing:
      end_wait(*ticket, a.code);
      pausing_.erase(a.ticket.serial);
      break;
    case Stage::running:
      expect(false, "(4) a ticket is resolved while a driver has its worker", a.ticket.serial);
      break;
    case Stage::ended: {
      if (a.code == ErrorCode::poisoned_request) {
        expect(ticket->retry.max_retries > 0 && ticket->idempotent &&
                   ticket->deaths + 1 >= options_.poison_deaths_max,
               "poisoned_request, and not enough workers have died of it", a.ticket.serial);
      }
      const auto bit = std::uint64_t{1} << static_cast<unsigned>(a.code);
      expect(a.code == ErrorCode::poisoned_request || (ticket->allowed & bit) != 0,
             "(53) a ticket gets another code than its verdict says", a.ticket.serial);
      if (a.worker == ticket->worker) check_loss(*ticket, a.code);
      check_traits(*ticket, a.code);
      judge_loss(*ticket, a.code);
      --workers_[ticket->worker.index].holds;
      --running_;
      std::erase(ended_, ticket->id.index);
      break;
    }
  }
  if (ticket->turned_away) refund(*ticket);
  ticket->stage = Stage::none;
  --open_;
  count(a.code);
  end_use(*ticket);
}

void CoreOracle::on(const action::Interrupt& a) {
  Ticket* ticket = find(a.ticket);
  expect(ticket != nullptr && ticket->stage == Stage::running && ticket->worker == a.worker,
         "an interrupt of an exchange that does not run", a.ticket.serial);
  if (ticket == nullptr) return;
  const bool cancel = a.reason == InterruptReason::cancelled;
  bool& given = cancel ? ticket->interrupted_cancel : ticket->interrupted_gone;
  expect(!given, "an interrupt is given twice", a.ticket.serial);
  given = true;
  expect(cancel ? ticket->cancelled : workers_[a.worker.index].exited,
         "an interrupt without its reason", a.ticket.serial);
}

void CoreOracle::on(const action::Drain& a) {
  Worker* worker = find(a.worker);
  expect(worker != nullptr && worker->serving && a.slot < worker->slots.size() &&
             worker->slots[a.slot] == Use::dirty,
         "(12) a drain of a slot without a late reply", a.worker.serial);
}

void CoreOracle::on(const action::AskToStop& a) {
  Worker* worker = find(a.worker);
  expect(worker != nullptr && worker->serving, "only a serving worker is asked to leave",
         a.worker.serial);
  if (worker == nullptr) return;
  expect(worker->holds == 0, "a worker is asked to leave with a request in hand", a.worker.serial);
  expect(stopping_ || worker->withdrawn ||
             (a.reason == TransitionReason::idle_retire && serving_ - withdrawn_ > size_),
         "the pool shrinks below its size", a.worker.serial);
  out_of_service(*worker);
}

void CoreOracle::on(const action::Kill& a) {
  Worker* worker = find(a.worker);
  expect(worker != nullptr && !worker->exited, "a signal to a worker that is known to be gone",
         a.worker.serial);
  if (worker == nullptr) return;
  expect(!worker->kill_sent, "a signal after SIGKILL", a.worker.serial);
  worker->kill_sent = worker->kill_sent || a.signal == KillSignal::kill;
  worker->kill_reason = a.reason;
  if (!worker->dump_due) return condemn(*worker, a.reason);
  // Another of its requests may have come to grief meanwhile.
  const bool besides = a.reason == KillReason::fault || a.reason == KillReason::partial_write;
  expect((a.reason == worker->dump_reason && now_ >= *worker->dump_due) || besides || stopping_,
         "a worker is killed before its stacks are there", a.worker.serial);
}

void CoreOracle::on(const action::Forget& a) {
  Worker* worker = find(a.worker);
  expect(worker != nullptr && worker->exited && worker->holds == 0,
         "a worker is forgotten that is not gone or is in somebody's hands", a.worker.serial);
  if (worker == nullptr) return;
  worker->id = {};
  --known_;
}

void CoreOracle::on(const action::Stopped&) {
  expect(stopping_ && !stopped_, "(10) stopped is said once, and after a stop alone");
  expect(known_ == 0 && open_ == 0, "(10) stopped is said with workers or tickets left");
  stopped_ = true;
}

}  // namespace ordeal::trial
