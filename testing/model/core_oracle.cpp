// The events' half of the oracle, and the verdict after each event. The actions' half:
// core_oracle_actions.cpp.
#include "testing/model/core_oracle.hpp"

#include <algorithm>
#include <variant>

namespace ordeal::trial {

using namespace pool::core;  // NOLINT: this file speaks the core's vocabulary throughout
using pool::ErrorCode;

namespace {

constexpr std::uint64_t bit(ErrorCode code) {
  return std::uint64_t{1} << static_cast<unsigned>(code);
}
constexpr std::uint64_t lost_codes = bit(ErrorCode::worker_died) |
                                     bit(ErrorCode::worker_closed_stream) |
                                     bit(ErrorCode::stopped_in_flight);

}  // namespace

void CoreOracle::expect(bool holds, const char* sentence, std::uint64_t who) {
  if (asked_ != nullptr) ++(*asked_)[sentence];
  if (holds || !error_.empty()) return;
  error_ = sentence;
  if (who != 0) error_ += " (" + std::to_string(who) + ")";
}

CoreOracle::Ticket* CoreOracle::find(TicketId id) {
  if (id.index >= tickets_.size()) return nullptr;
  Ticket& ticket = tickets_[id.index];
  return ticket.stage != Stage::none && ticket.id == id ? &ticket : nullptr;
}

CoreOracle::Worker* CoreOracle::find(WorkerId id) {
  if (!id || id.index >= workers_.size()) return nullptr;
  return workers_[id.index].id == id ? &workers_[id.index] : nullptr;
}

void CoreOracle::before(Instant now, const Event& event) {
  if (!error_.empty()) return;
  now_ = now;
  // Whose time is over makes room for a newcomer, and may move the limit: then nothing is certain.
  inside_at_submit_ = next_timer_ > now_ ? waiting_.size() + running_ : 0;
  time_passed_ = false;
  just_submitted_ = 0;
  just_cancelled_ = 0;
  unavailable_said_ = false;
  just_resized_ = false;
  expire_sessions();
  end_pauses();
  std::visit([this](const auto& e) { on(e); }, event);
  begin_comparison();
  fail_overdue_pings();
}

void CoreOracle::on(const event::Submitted& e) {
  if (e.ticket.index >= tickets_.size()) tickets_.resize(e.ticket.index + std::size_t{1});
  Ticket& ticket = tickets_[e.ticket.index];
  ticket = Ticket{};
  ticket.id = e.ticket;
  ticket.stage = Stage::waiting;
  ticket.deadline = e.deadline;
  ticket.lease = e.lease;
  ticket.idempotent = e.idempotent;
  ticket.retry = e.retry;
  ticket.waits_since = now_;
  if (e.session != no_session) {
    ticket.session = e.session;
    ticket.affinity = e.affinity;
    ticket.state_in_worker = e.state_in_worker;
    Session& session = sessions_[e.session];
    session.taken = true;
    ++session.users;
  }
  ticket.circuit = e.circuit;
  if (e.circuit) circuit_of(e.circuit);
  slots_at_submit_ = slots_for(ticket);
  waiting_.emplace(e.ticket.serial, e.ticket.index);
  just_submitted_ = e.ticket.serial;
  ++open_;
  ++counters_.submitted;
}

void CoreOracle::on(const event::CancelRequested& e) {
  Ticket* ticket = find(e.ticket);
  if (ticket == nullptr) return;
  just_cancelled_ = e.ticket.serial;
  ticket->cancelled = true;
}

void CoreOracle::on(const event::WorkerReady& e) {
  Worker* worker = find(e.worker);
  if (worker == nullptr || !worker->starting || worker->given_up) return;
  worker->starting = false;
  --starting_;
  worker->serving = true;
  ++serving_;
  worker->slots.assign(std::clamp(e.slots, 1U, options_.slots_max), Use::free);
  worker->taken_at.assign(worker->slots.size(), Instant{});
  worker->seen_at = worker->ready_at = now_;
  worker->beats = e.beats;
  worker->look_awaited = worker->start_is_over = false;
  failures_in_row_ = 0;
  no_start_before_ = Instant::min();
}

void CoreOracle::on(const event::WorkerFaulted& e) {
  Worker* worker = find(e.worker);
  if (worker == nullptr) return;
  if (worker->starting && !worker->given_up) start_failed(*worker);
  out_of_service(*worker);
}

void CoreOracle::on(const event::WorkerExited& e) {
  Worker* worker = find(e.worker);
  if (worker == nullptr || worker->exited) return;
  worker->exited = true;
  if (worker->starting) {
    if (!worker->given_up) start_failed(*worker);
    worker->starting = false;
    --starting_;
    if (worker->unwanted) --unwanted_;
  }
  if (e.by_outsider) worker->served = true;  // its death says nothing about the program
  out_of_service(*worker);
  if (worker->holds == 0) return;
  for (std::uint32_t index = 0; index < tickets_.size(); ++index) {
    Ticket& ticket = tickets_[index];
    if (ticket.stage != Stage::running && ticket.stage != Stage::ended) continue;
    if (ticket.worker != e.worker) continue;
    if (ticket.stage == Stage::ended) ticket.due = now_;
    if (ticket.stage == Stage::running) interrupts_due_.push_back(index);
  }
}

void CoreOracle::start_failed(Worker& worker) {
  worker.given_up = true;
  if (roll_to_ != 0 && worker.generation == roll_to_) return roll_failed(worker);
  if (worker.generation == went_back_from_) {
    failed_newcomers_ = std::max(failed_newcomers_, worker.generation);
    return give_up_start(worker);
  }
  ++failures_in_row_;
  // The core's own row may be longer (early deaths), and half of it may be taken off by jitter:
  // this is what it must wait at least.
  Duration delay = options_.start_backoff_base;
  for (std::uint32_t i = 1; i < failures_in_row_ && delay < options_.start_backoff_max; ++i) {
    delay *= 2;
  }
  no_start_before_ = now_ + std::min(delay, options_.start_backoff_max) / 2;
}

void CoreOracle::out_of_service(Worker& worker) {
  if (!worker.serving) return;
  if (!worker.served) {
    ++unserved_deaths_;
    failed_newcomers_ = std::max(failed_newcomers_, worker.generation);
  }
  if (worker.withdrawn) --withdrawn_;
  worker.serving = false;
  worker.probed = worker.unhealthy = worker.answer_awaited = worker.ejected = false;
  --serving_;
  orphan_sessions(worker.id);
  for (Use& use : worker.slots) {
    if (use == Use::dirty) use = Use::free;
  }
}

void CoreOracle::on(const event::ExchangeEnded& e) {
  Ticket* ticket = find(e.ticket);
  expect(ticket != nullptr && ticket->stage == Stage::running,
         "the trial itself is wrong: it ended an exchange that does not run", e.ticket.serial);
  if (error_.empty()) ended(*ticket, e);
}

// The table of outcomes: verdict and progress to what the ticket must be told.
void CoreOracle::ended(Ticket& ticket, const event::ExchangeEnded& e) {
  Worker& worker = workers_[ticket.worker.index];
  Use& slot = worker.slots[ticket.slot];
  const bool untouched = e.progress == WireProgress::untouched;
  slot = Use::free;
  ticket.stage = Stage::ended;
  ticket.due = now_;
  ended_.push_back(ticket.id.index);
  ticket.worker_said_retry = e.retryable;
  ticket.retry_after =
      e.verdict == ExchangeVerdict::application_error ? e.retry_after : Duration::zero();
  ticket.verdict = e.verdict;
  // Else it has not happened, as far as its caller is concerned.
  if (!untouched || ticket.lease) {
    ticket.seen_by = ticket.worker;
  } else {
    --ticket.attempts;
    if (ticket.retries > 0) ticket.turned_away = true;  // that retry has not begun
  }
  judge(ticket, e);
  note_performance(worker, ticket, e);
  switch (e.verdict) {
    case ExchangeVerdict::replied:
    case ExchangeVerdict::application_error:
      ticket.allowed = bit(e.verdict == ExchangeVerdict::replied ? ErrorCode::none
                                                                 : ErrorCode::application_error);
      if (e.progress == WireProgress::written) ++worker.answers;
      if (e.progress == WireProgress::written) worker.failures = 0;
      worker.seen_at = now_;
      note_held(ticket.taken_at);
      if (!worker.served && e.progress == WireProgress::written) {
        worker.served = true;
        if (worker.serving) unserved_deaths_ = 0;
      }
      if (e.code != ErrorCode::none) out_of_service(worker);
      return;
    case ExchangeVerdict::violated:
      out_of_service(worker);
      if (untouched && !ticket.lease) return wait_again(ticket);
      ticket.allowed = bit(e.code == ErrorCode::none ? ErrorCode::malformed_reply : e.code);
      return;
    case ExchangeVerdict::lost:
      out_of_service(worker);
      if (untouched && !ticket.lease) return wait_again(ticket);
      ticket.allowed = e.code == ErrorCode::truncated_reply
                           ? bit(ErrorCode::truncated_reply) | bit(ErrorCode::stopped_in_flight)
                           : lost_codes;
      if (!worker.exited) ticket.due = std::min(now_ + options_.certificate_wait, ticket.deadline);
      return;
    case ExchangeVerdict::timed_out:
    case ExchangeVerdict::cancelled: {
      const bool timed_out = e.verdict == ExchangeVerdict::timed_out;
      worker.seen_at = now_;
      if (untouched) {
        ticket.allowed = bit(give_up_code(ticket, timed_out));
        return;
      }
      ticket.allowed = bit(timed_out ? ErrorCode::call_timeout : ErrorCode::cancelled_in_flight);
      if (e.progress == WireProgress::partial) {
        out_of_service(worker);
      } else if (worker.serving) {
        slot = Use::dirty;
        if (timed_out && options_.health_interval > Duration::zero()) health_failed(worker);
      }
      return;
    }
  }
}

// It did not happen: unless there is nothing left to wait for, it waits where it stood.
void CoreOracle::wait_again(Ticket& ticket) {
  ended_.pop_back();
  --workers_[ticket.worker.index].holds;
  --running_;
  ++counters_.requeued;
  ticket.stage = Stage::waiting;
  ticket.waits_since = now_;
  ticket.interrupted_gone = false;
  waiting_.emplace(ticket.id.serial, ticket.id.index);
  // Cancelled while it ran: it may be told so, and must not be granted again.
  if (ticket.cancelled) just_cancelled_ = ticket.id.serial;
}

void CoreOracle::on(const event::LateReplyDrained& e) {
  Worker* worker = find(e.worker);
  if (worker == nullptr || e.slot >= worker->slots.size()) return;
  if (worker->slots[e.slot] == Use::dirty) {
    note_held(worker->taken_at[e.slot]);
    worker->slots[e.slot] = Use::free;
  }
  worker->seen_at = now_;
}

void CoreOracle::on(const event::StopRequested& e) {
  stopping_ = true;
  stop_at_ = std::min(stop_at_, pool::core::after(now_, e.grace));
}

bool CoreOracle::could_take(const Worker& worker) const {
  if (!worker.serving || worker.probed || worker.unhealthy || worker.withdrawn) return false;
  if (worker.ejected) return false;
  if (admission_ == Admission::paused) return false;
  bool room = false;
  for (const Use use : worker.slots) {
    if (use == Use::dirty) return false;
    if (use == Use::free) room = true;
  }
  return room;
}

// What an event must have been answered with, whatever else it was.
void CoreOracle::expect_answered() {
  for (const std::uint32_t index : interrupts_due_) {
    const Ticket& ticket = tickets_[index];
    expect(ticket.stage != Stage::running || ticket.interrupted_gone,
           "(3 of section 17) a driver is not told that its worker is gone", ticket.id.serial);
  }
  interrupts_due_.clear();
  if (stopping_ && now_ >= stop_at_) {
    for (const Worker& worker : workers_) {
      expect(!worker.id || worker.exited || worker.kill_sent,
             "(10) a worker outlives the stop's grace", worker.id.serial);
    }
  }
  if (just_submitted_ == 0 || waiting_.count(just_submitted_) == 0) return;
  expect(waiting_.size() <= options_.queue_max, "more wait than queue_max allows", just_submitted_);
}

void CoreOracle::after(const Core& core) {
  if (!error_.empty()) return;
  // A pause of no length may be due again; but a core that is woken again and again must get on.
  const std::optional<Instant> timer = core.poll_timeout();
  vain_wakes_ = time_passed_ && timer && *timer <= now_ ? vain_wakes_ + 1 : 0;
  expect(vain_wakes_ < vain_wakes_max, "(53) a timer that is due does not fire");
  // Pauses of no length end at once, but for those that the opening of the circuit began.
  if (!core.start_circuit_open()) end_pauses();
  expect_answered();
  check_health();
  after_watching();
  after_ejections();
  for (const std::uint32_t index : ended_) {
    expect(tickets_[index].due > now_, "(53) a ticket's outcome is overdue",
           tickets_[index].id.serial);
  }
  for (const auto& [serial, index] : waiting_) {
    const Ticket& ticket = tickets_[index];
    expect(ticket.deadline > now_, "(5) a request waits past its deadline", serial);
    expect(!ticket.cancelled, "(9) a cancelled request waits", serial);
  }
  if (!waiting_.empty()) {
    for (const Worker& worker : workers_) {
      if (!could_take(worker)) continue;
      for (const auto& [serial, index] : waiting_) {
        expect(!may_serve(worker, tickets_[index]),
               "(5) a request waits while a worker could take it", serial);
      }
    }
    expect(!stopping_, "(10) a request waits in a pool that stops");
  }
  for (const auto& [serial, index] : pausing_) {
    const Ticket& ticket = tickets_[index];
    expect(ticket.deadline > now_ && ticket.pause_ends >= now_ && !stopping_ && !ticket.cancelled,
           "(38) a request pauses for nothing", serial);
  }
  compare_circuits(core);
  after_protection(core);
  after_operations(core);
  expect(core.start_circuit_open() || stopping_ || serving_ > 0 ||
             failures_in_row_ < options_.start_failures_max,
         "(8) the circuit is closed although nobody is alive and starts fail");
  expect(!core.start_circuit_open() || (serving_ == 0 && waiting_.empty()),
         "(8) the circuit is open although somebody is alive or waits");
  // An upper bound: not every one of those deaths counts as early.
  expect(!core.start_circuit_open() ||
             failures_in_row_ + unserved_deaths_ >= options_.start_failures_max,
         "(8) the circuit is open without failures enough");
  expect(!unavailable_said_ || core.start_circuit_open(),
         "(8) workers_unavailable was said with the circuit closed");
  const Counters& c = core.counters();
  expect(c.submitted == counters_.submitted && c.ok == counters_.ok &&
             c.failed == counters_.failed && c.timed_out == counters_.timed_out &&
             c.rejected == counters_.rejected && c.shed == counters_.shed &&
             c.cancelled == counters_.cancelled,
         "the counters of outcomes agree with the outcomes");
  after_sessions(core);
  expect(c.backing_off == pausing_.size(), "the counter of pauses agrees with the pauses");
  expect(c.queued == waiting_.size(), "the counter of waiters agrees with the waiters");
  expect(c.running == running_, "the counter of running requests agrees with the grants");
  expect(c.spawns == last_worker_serial_, "the counter of spawns agrees with the spawns");
}

}  // namespace ordeal::trial
