// What keeps an overloaded pool of use: who would be late is told so when it comes, who has waited
// for too long in a queue that stands is dropped at its turn, and leases held for too long are
// reported. Each is off by default, and then costs a look at an option.
#include "pool/core/state.hpp"

namespace ordeal::pool::core {

// By how much the answer to a newcomer would come too late; zero: it may wait. Sessions that may
// wait for their worker for a while alone are taken as if any would do: that is never too long.
Duration Core::State::lateness(const Ticket& ticket) const {
  if (!options.reject_late || paused()) return Duration::zero();
  std::uint32_t lane = AdmissionQueue::shared_lane;
  std::size_t slots = 0;
  if (has_to_wait_for_its_worker(ticket) &&
      in_sessions_[ticket.id.index].policy == AffinityPolicy::strict) {
    const WorkerId bound = affinity_.bound_to(ticket.session);
    lane = lane_of(bound);
    slots = workers_[bound.index].slots.size();
  } else {
    for (const Worker& worker : workers_) {
      if (!worker.id || !worker.in_service() || worker.withdrawn) continue;
      if (worker.lifecycle.health() == Health::unhealthy || worker.ejected) continue;
      slots += worker.slots.size();
    }
  }
  return wait_estimate_.lateness(queue_.size_of(lane), slots, ticket.deadline - now_);
}

// A request has given its slot back, or the late reply to it has been drained.
void Core::State::note_held(const Slot& slot) {
  if (options.reject_late) wait_estimate_.note(now_ - slot.taken_at);
}

// Its turn has come. True: it has been dropped. Who had a worker already stays, and so does who
// waited for one worker alone: that one's load is not the pool's.
bool Core::State::shed(Ticket& ticket) {
  if (!codel_rules_.on() || ticket.attempts != 0 || ticket.kept_to_worker) return false;
  const bool before = codel_.overloaded();
  const bool drops = codel_.drops(now_, now_ - ticket.waits_since);
  if (before != codel_.overloaded()) {
    tell({.what = before ? Occurrence::overload_ended : Occurrence::overload_began,
          .count = counters.queued});
  }
  if (drops) give_up_waiting(ticket, ErrorCode::request_shed);
  return drops;
}

// Leases take as long as their holders like, and retries have waited for reasons of their own.
void Core::State::note_answer(const Ticket& ticket, const Slot& slot) {
  if (!options.limit.on() || ticket.lease || ticket.attempts != 1) return;
  limit_.note_answer(now_ - ticket.submitted_at, now_ - slot.taken_at);
}

void Core::State::watch_lease(Ticket& ticket) {
  if (options.lease_limit <= Duration::zero()) return;
  ticket.timer = timers.arm(after(now_, options.lease_limit), Timer::lease_limit, ticket.id.index);
}

void Core::State::on_lease_limit(std::uint32_t index) {
  const Ticket& ticket = tickets_[index];
  ++counters.leases_overdue;
  tell({.what = Occurrence::lease_overdue,
        .ticket = ticket.id,
        .worker = ticket.worker,
        .duration = options.lease_limit});
}

}  // namespace ordeal::pool::core
