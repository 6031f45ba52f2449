// The sessions' part of the oracle: one map, searched from end to end.
#include "testing/model/core_oracle.hpp"

namespace ordeal::trial {

using namespace pool::core;  // NOLINT: this file speaks the core's vocabulary throughout
using pool::AffinityOutcome;
using pool::AffinityPolicy;

void CoreOracle::expire_sessions() {
  for (auto& [number, session] : sessions_) {
    if (!session.known || session.users > 0) continue;
    if (now_ - session.used_at < options_.affinity_timeout) continue;
    if (session.bound_to) ++counters_.bindings_expired;
    session.known = false;
    session.bound_to = {};
  }
}

// The ticket has its outcome. Now one session may be too many that nobody uses.
void CoreOracle::end_use(Ticket& ticket) {
  if (ticket.session == no_session) return;
  Session& session = sessions_[ticket.session];
  ticket.session = no_session;
  --session.users;
  session.used_at = now_;
  session.use = ++uses_;
  while (true) {
    std::uint32_t known = 0;
    Session* oldest = nullptr;
    for (auto& [number, s] : sessions_) {
      known += s.known;
      if (s.known && s.users == 0 && (oldest == nullptr || s.use < oldest->use)) oldest = &s;
    }
    if (known <= options_.affinity_bindings_max || oldest == nullptr) return;
    if (oldest->bound_to) ++counters_.bindings_evicted;
    oldest->known = false;
    oldest->bound_to = {};
  }
}

void CoreOracle::orphan_sessions(WorkerId worker) {
  for (auto& [number, session] : sessions_) {
    if (!session.known || session.bound_to != worker) continue;
    session.bound_to = {};
    ++counters_.bindings_lost;
  }
}

WorkerId CoreOracle::bound_to(const Ticket& ticket) const {
  const auto found = sessions_.find(ticket.session);
  return found == sessions_.end() ? WorkerId{} : found->second.bound_to;
}

// Not: is it free?
bool CoreOracle::may_serve(const Worker& worker, const Ticket& ticket) const {
  const WorkerId bound = bound_to(ticket);
  if (!bound || bound == worker.id) return true;
  if (ticket.affinity == AffinityPolicy::strict || ticket.state_in_worker != 0) return false;
  return now_ >= pool::core::after(ticket.waits_since, options_.affinity_wait);
}

// The core may say so just before it says what it does to the worker.
bool CoreOracle::has_lost_its_state(const Ticket& ticket) {
  const WorkerId bound = bound_to(ticket);
  if (bound && bound.serial == ticket.state_in_worker) said_to_be_lost_.push_back(bound);
  return ticket.state_in_worker != 0;
}

void CoreOracle::check_affinity(const Ticket& ticket, const Worker& worker,
                                const action::Grant& a) {
  const std::uint64_t serial = ticket.id.serial;
  if (ticket.session == no_session) {
    expect(a.affinity == AffinityOutcome::none, "affinity without a session", serial);
    return;
  }
  Session& session = sessions_[ticket.session];
  const Worker* bound = session.bound_to ? find(session.bound_to) : nullptr;
  expect(may_serve(worker, ticket), "(24) a session's request goes to another worker", serial);
  expect(bound == nullptr || bound == &worker || !could_take(*bound),
         "(24) a session's worker is free, and is not taken", serial);
  expect(ticket.state_in_worker == 0 || ticket.state_in_worker == a.worker.serial,
         "a request that relies on a worker's state goes to another", serial);
  const AffinityOutcome outcome = session.bound_to == a.worker ? AffinityOutcome::hit
                                  : session.known              ? AffinityOutcome::rebound
                                                               : AffinityOutcome::bound;
  expect(a.affinity == outcome, "(26) a hit, a first or a new binding is told as something else",
         serial);
  if (outcome == AffinityOutcome::hit) {
    ++counters_.affinity_hits;
    if (ticket.was_passed) ++seen_.waited_for_worker;
  } else {
    ++counters_.affinity_misses;
    counters_.affinity_rebinds += outcome == AffinityOutcome::rebound;
  }
  session.known = true;
  session.bound_to = a.worker;
}

// (5, 30) Oldest first, of those whom this worker may serve.
void CoreOracle::check_order(Ticket& ticket, const Worker& worker) {
  for (const auto& [serial, index] : waiting_) {
    Ticket& other = tickets_[index];
    if (serial == ticket.id.serial) continue;
    if (serial < ticket.id.serial) {
      expect(!may_serve(worker, other), "(5, 30) a grant past an older waiter", ticket.id.serial);
      other.was_passed = true;
      ++seen_.passed_ineligible;
    } else {
      if (bound_to(other) == worker.id && bound_to(ticket) != worker.id) ++seen_.older_went_first;
      if (ticket.session == no_session && other.session == no_session) break;
    }
  }
}

void CoreOracle::on(const event::SessionEnded& e) {
  const auto found = sessions_.find(e.session);
  if (found == sessions_.end() || found->second.users > 0) return;
  found->second.known = false;
  found->second.bound_to = {};
}

void CoreOracle::on(const action::ForgetSession& a) {
  Session& session = sessions_[a.session];
  expect(session.taken, "(27) a session is forgotten twice", a.session);
  expect(session.users == 0, "(27) a session is forgotten that is in use", a.session);
  expect(!session.known, "(26, 27) a session is forgotten before its time", a.session);
  session.taken = false;
  ++seen_.sessions_forgotten;
}

void CoreOracle::after_sessions(const Core& core) {
  std::uint32_t bound = 0;
  for (const auto& [number, session] : sessions_) {
    bound += static_cast<bool>(session.bound_to);
    expect(session.taken == (session.users > 0 || session.known),
           "(27) a session is forgotten when nothing is known of it, and only then", number);
  }
  for (const WorkerId id : said_to_be_lost_) {
    const Worker* worker = find(id);
    expect(worker == nullptr || !worker->serving || worker->withdrawn || worker->ejected,
           "session_state_lost, and the state is where it was", id.serial);
  }
  said_to_be_lost_.clear();
  const Counters& c = core.counters();
  expect(c.bindings == bound, "(29) the bindings are as counted");
  expect(c.affinity_hits == counters_.affinity_hits &&
             c.affinity_misses == counters_.affinity_misses &&
             c.affinity_rebinds == counters_.affinity_rebinds,
         "(24) the counters of affinity agree with the grants");
  expect(c.bindings_expired == counters_.bindings_expired,
         "(27) the counter of expired bindings agrees");
  // Which of the two ends a binding whose last request ends together with its worker is not said.
  expect(
      c.bindings_lost + c.bindings_evicted == counters_.bindings_lost + counters_.bindings_evicted,
      "(26) the counters of lost and evicted bindings agree");
}

}  // namespace ordeal::trial
