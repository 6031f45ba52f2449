// The circuit breakers' part of the oracle: what each ticket's attempts mean to its circuit.
#include <utility>

#include "testing/model/core_oracle.hpp"

namespace ordeal::trial {

using namespace pool::core;  // NOLINT: this file speaks the core's vocabulary throughout
using pool::CircuitState;
using pool::ErrorCode;

void CoreOracle::agree(const char* sentence, std::uint64_t who) {
  if (sentence != nullptr) expect(false, sentence, who);
}

NaiveCircuit& CoreOracle::circuit_of(CircuitId id) {
  if (id.index >= circuits_.size()) circuits_.resize(id.index + std::size_t{1});
  KnownCircuit& known = circuits_[id.index];
  if (known.id != id) {
    if (known.naive) breaker_visits_.add(known.naive->visits());
    known.id = id;
    known.naive.emplace(options_.breaker);
    known.told = 0;
  }
  return *known.naive;
}

void CoreOracle::on(const event::CircuitOrdered& e) {
  circuit_of(e.circuit).ordered(e.order, now_);
}

void CoreOracle::on(const action::Emit& a) {
  emits_ = true;
  told(a);
  if (a.what < Occurrence::breaker_opened || a.what > Occurrence::breaker_ordered) return;
  KnownCircuit& known = circuits_.at(a.circuit.index);
  expect(known.id == a.circuit, "(B5 8) an event of a circuit that is not known", a.circuit.serial);
  ++known.told;
}

void CoreOracle::admitted(Ticket& ticket, std::uint64_t serial) {
  if (!ticket.circuit) return;
  ticket.has_permit = true;
  ticket.neutral = false;
  ticket.granted_at = now_;
  agree(circuit_of(ticket.circuit).admitted(now_, ticket.permit), serial);
}

void CoreOracle::returned(Ticket& ticket, Circuit::Outcome outcome) {
  if (!std::exchange(ticket.has_permit, false)) return;
  circuit_of(ticket.circuit).ended(ticket.permit, outcome, now_ - ticket.granted_at, now_);
}

// What the end of an exchange means, where it is known at once.
void CoreOracle::judge(Ticket& ticket, const event::ExchangeEnded& e) {
  using O = Circuit::Outcome;
  const bool untouched = e.progress == WireProgress::untouched;
  switch (e.verdict) {
    case ExchangeVerdict::replied:
      return returned(ticket, untouched ? O::neutral : O::success);
    case ExchangeVerdict::application_error:
      return returned(ticket, untouched || e.callers_fault ? O::neutral : O::failure);
    case ExchangeVerdict::violated:
      return returned(ticket, untouched ? O::neutral : O::failure);
    case ExchangeVerdict::timed_out:
      return returned(ticket, untouched ? O::neutral : O::failure);
    case ExchangeVerdict::cancelled:
      return returned(ticket, O::neutral);
    case ExchangeVerdict::lost:
      ticket.neutral = untouched;
      if (untouched && !ticket.lease) returned(ticket, O::neutral);
      return;  // else when it is known how
  }
}

void CoreOracle::judge_loss(Ticket& ticket, ErrorCode code) {
  const bool neutral = ticket.neutral || code == ErrorCode::stopped_in_flight;
  returned(ticket, neutral ? Circuit::Outcome::neutral : Circuit::Outcome::failure);
}

// Whether this is a breaker's word, and then whether it is right.
bool CoreOracle::refused(const Ticket& ticket, ErrorCode code) {
  const bool limit = code == ErrorCode::circuit_half_open_limit;
  if (code != ErrorCode::circuit_open && !limit) return false;
  expect(static_cast<bool>(ticket.circuit), "a breaker refuses what it does not guard",
         ticket.id.serial);
  if (ticket.circuit) agree(circuit_of(ticket.circuit).refused(now_, limit), ticket.id.serial);
  if (ticket.attempts == 0 && options_.shed_target > Duration::zero()) refused_at_.push_back(now_);
  return true;
}

bool CoreOracle::may_be_refused(const Ticket& ticket) {
  if (!ticket.circuit) return false;
  NaiveCircuit& circuit = circuit_of(ticket.circuit);
  circuit.expire(now_);
  return circuit.may_refuse(now_);
}

void CoreOracle::compare_circuits(const Core& core) {
  // A pool that stops lets its half-open circuits be: nothing is tried any more.
  if (!options_.breaker.enabled || stopping_) return;
  for (const CircuitView& view : core.circuits(now_)) {
    KnownCircuit& known = circuits_.at(view.id.index);
    expect(known.id == view.id, "a circuit that is not known", view.id.serial);
    NaiveCircuit& naive = *known.naive;
    naive.expire(now_);
    expect(view.state == naive.state(), "(31, B5 8) a circuit is in another state", view.id.serial);
    expect(view.epoch == naive.transitions() + 1, "(B5 8) each transition raises the epoch by one",
           view.id.serial);
    expect(view.stale_results == naive.stale(), "(35, B5 6) stale results are counted",
           view.id.serial);
    expect(view.opened == naive.openings(), "a circuit's openings are counted", view.id.serial);
    expect(view.would_have_opened == naive.would_have_opened(),
           "(B5 9) what observe would have opened is counted", view.id.serial);
    expect(view.trials == naive.trials(), "(33) the trials are as counted", view.id.serial);
    expect(!emits_ || known.told == naive.transitions(), "(B5 8) each transition is one event",
           view.id.serial);
  }
  for (const auto& [serial, index] : waiting_) {
    const Ticket& ticket = tickets_[index];
    if (!ticket.circuit) continue;
    expect(!circuit_of(ticket.circuit).must_refuse_as_open(now_),
           "(32) a request waits behind an open circuit", serial);
  }
}

NaiveCircuit::Visits CoreOracle::breaker_visits() const {
  NaiveCircuit::Visits all = breaker_visits_;
  for (const KnownCircuit& known : circuits_) {
    if (known.naive) all.add(known.naive->visits());
  }
  return all;
}

}  // namespace ordeal::trial
