// Requests of sessions: which worker may serve them, and what follows from their bindings.
//
// A request whose session is bound to a worker that is busy waits in that worker's lane: `strict`
// for as long as it takes, `prefer` until affinity_wait is over. One that waits in the shared lane
// (its session was not bound when it came) is looked at again when its turn comes. When the worker
// leaves, or the session is bound to another, those who wait for it join the shared lane.
#include <algorithm>
#include <utility>

#include "pool/core/assert.hpp"
#include "pool/core/state.hpp"

namespace ordeal::pool::core {

void Core::State::join_session(Ticket& ticket, const event::Submitted& e) {
  ORDEAL_ASSERT(e.affinity != AffinityPolicy::none, "a session comes with a policy");
  if (in_sessions_.size() < tickets_.size()) in_sessions_.resize(tickets_.size());
  ticket.session = e.session;
  in_sessions_[ticket.id.index] = InSession{
      .policy = e.state_in_worker == 0 ? e.affinity : AffinityPolicy::strict,
      .state_in_worker = e.state_in_worker,
      .wait_until = after(now_, options.affinity_wait),
      .timer = {},
  };
}

void Core::State::leave_session(Ticket& ticket) {
  const std::uint32_t session = std::exchange(ticket.session, no_session);
  if (!affinity_.leave(session, now_)) unknown_.push_back(session);
  while (const auto forgotten = affinity_.pop_excess()) {
    forget_session(*forgotten, Occurrence::session_binding_evicted, counters.bindings_evicted);
  }
  plan_binding_expiry();
}

// It was put back in line: its worker gets another affinity_wait.
void Core::State::wait_again(Ticket& ticket) {
  if (ticket.session != no_session) {
    in_sessions_[ticket.id.index].wait_until = after(now_, options.affinity_wait);
    if (has_lost_its_state(ticket)) return give_up_waiting(ticket, ErrorCode::session_state_lost);
  }
  wait_in_line(ticket);
}

// May its session's worker alone have it, now?
bool Core::State::insists(const Ticket& ticket) const {
  const InSession& in = in_sessions_[ticket.id.index];
  return in.policy == AffinityPolicy::strict || now_ < in.wait_until;
}

bool Core::State::has_to_wait_for_its_worker(const Ticket& ticket) const {
  if (ticket.session == no_session || !insists(ticket)) return false;
  const WorkerId bound = affinity_.bound_to(ticket.session);
  return bound && !workers_[bound.index].available;
}

bool Core::State::has_lost_its_state(const Ticket& ticket) const {
  if (ticket.session == no_session) return false;
  const std::uint64_t wanted = in_sessions_[ticket.id.index].state_in_worker;
  return wanted != 0 && affinity_.bound_to(ticket.session).serial != wanted;
}

// The worker that is to have this ticket now; nullptr: it waits for one that is not available.
Worker* Core::State::worker_for(const Ticket& ticket) {
  if (ticket.session == no_session) return available_for_anybody();
  const WorkerId bound = affinity_.bound_to(ticket.session);
  if (bound) {
    Worker& worker = workers_[bound.index];
    ORDEAL_ASSERT(worker.id == bound, "(25) a binding names no worker that is gone");
    if (worker.available) return &worker;
    if (insists(ticket)) return nullptr;
  }
  return available_for_newly_bound();
}

// The most recently used one, but rather one for which nobody waits in its lane.
Worker* Core::State::available_for_anybody() {
  if (newest_available_ == no_index) return nullptr;
  if (!wanted_.empty()) {
    for (std::uint32_t i = newest_available_; i != no_index; i = workers_[i].older) {
      if (queue_.size_of(lane_of(workers_[i].id)) == 0) return &workers_[i];
    }
  }
  return &workers_[newest_available_];
}

// Sessions spread over the workers, whenever they come: the one with the fewest of them.
Worker* Core::State::available_for_newly_bound() {
  Worker* best = available_for_anybody();
  if (best == nullptr) return nullptr;
  const bool wanted = queue_.size_of(lane_of(best->id)) != 0;
  for (std::uint32_t i = newest_available_; i != no_index; i = workers_[i].older) {
    Worker& worker = workers_[i];
    if (!wanted && queue_.size_of(lane_of(worker.id)) != 0) continue;
    if (affinity_.bindings_of(worker.id) < affinity_.bindings_of(best->id)) best = &worker;
  }
  return best;
}

// Its session's worker is busy. REQUIRES: it is in no lane.
void Core::State::enter_lane(Ticket& ticket) {
  const WorkerId bound = affinity_.bound_to(ticket.session);
  queue_.insert(ticket.id.index, ticket.id.serial, lane_of(bound));
  ticket.kept_to_worker = true;
  InSession& in = in_sessions_[ticket.id.index];
  if (in.policy == AffinityPolicy::prefer && !timers.is_armed(in.timer)) {
    in.timer = timers.arm(in.wait_until, Timer::affinity_wait, ticket.id.index);
  }
}

void Core::State::on_affinity_wait(std::uint32_t index) {
  Ticket& ticket = tickets_[index];
  ORDEAL_ASSERT(ticket.stage == Ticket::Stage::queued, "only who waits can have waited enough");
  if (queue_.lane_of(index) == AdmissionQueue::shared_lane) return;  // its worker is gone
  queue_.remove(index);
  queue_.insert(index, ticket.id.serial);
  ++counters.affinity_waits_over;
  tell({.what = Occurrence::session_wait_over,
        .session = ticket.session,
        .ticket = ticket.id,
        .worker = affinity_.bound_to(ticket.session)});
}

Affinity::Bound Core::State::bind(const Ticket& ticket, const Worker& worker) {
  const Affinity::Bound bound = affinity_.bind(ticket.session, worker.id);
  if (bound.outcome == AffinityOutcome::hit) {
    ++counters.affinity_hits;
    return bound;
  }
  const bool anew = bound.outcome == AffinityOutcome::rebound;
  ++counters.affinity_misses;
  if (anew) ++counters.affinity_rebinds;
  counters.bindings = affinity_.bindings();
  tell({.what = anew ? Occurrence::session_rebound : Occurrence::session_bound,
        .session = ticket.session,
        .ticket = ticket.id,
        .worker = worker.id,
        .worker_before = bound.before.serial});
  return bound;
}

// The worker takes no more work, ever.
void Core::State::lose_bindings(const Worker& worker) {
  const std::uint32_t lost = affinity_.lose(worker.id);
  if (lost == 0) return;
  counters.bindings_lost += lost;
  counters.bindings = affinity_.bindings();
  tell({.what = Occurrence::session_bindings_lost, .worker = worker.id, .count = lost});
  leave_lane(worker.id, no_session);
}

// Those of the session (no_session: all) who wait for the worker do so no more.
void Core::State::leave_lane(WorkerId worker, std::uint32_t session) {
  const std::uint32_t lane = lane_of(worker);
  for (auto index = queue_.front(lane); index;) {
    Ticket& ticket = tickets_[*index];
    index = queue_.behind(*index);
    if (session != no_session && ticket.session != session) continue;
    if (has_lost_its_state(ticket)) {
      leave_queue(ticket);
      give_up_waiting(ticket, ErrorCode::session_state_lost);
    } else if (session != no_session) {
      queue_.remove(ticket.id.index);
      queue_.insert(ticket.id.index, ticket.id.serial);
    }
  }
  if (session == no_session) queue_.join(lane);
}

void Core::State::expire_bindings() {
  while (const auto forgotten = affinity_.pop_expired(now_)) {
    forget_session(*forgotten, Occurrence::session_binding_expired, counters.bindings_expired);
  }
}

void Core::State::forget_session(const Affinity::Forgotten& forgotten, Occurrence why,
                                 std::uint64_t& counter) {
  if (forgotten.worker) {
    ++counter;
    counters.bindings = affinity_.bindings();
    tell({.what = why, .session = forgotten.session, .worker = forgotten.worker});
  }
  unknown_.push_back(forgotten.session);
}

void Core::State::on(const event::SessionEnded& e) {
  if (!affinity_.is_known(e.session) || !affinity_.forget(e.session)) return;
  counters.bindings = affinity_.bindings();
  unknown_.push_back(e.session);
}

// At the end of the event: one that was forgotten may be the very one that it is about.
void Core::State::tell_forgotten() {
  if (unknown_.size() > 1) {
    std::sort(unknown_.begin(), unknown_.end());
    unknown_.erase(std::unique(unknown_.begin(), unknown_.end()), unknown_.end());
  }
  for (const std::uint32_t session : unknown_) {
    if (!affinity_.is_known(session)) actions.push(action::ForgetSession{session});
  }
  unknown_.clear();
}

// A timer that is armed already may be early; then it is armed anew.
void Core::State::plan_binding_expiry() {
  if (stopping || timers.is_armed(binding_expiry_)) return;
  binding_expiry_ = timers.arm(affinity_.next_expiry(), Timer::binding_expiry);
}

}  // namespace ordeal::pool::core
