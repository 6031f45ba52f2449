// What there is to be seen inside, for a diagnosis: open requests and armed timers. Allocates;
// asked under no load of its own, and changes nothing.
#include <algorithm>

#include "pool/core/state.hpp"

namespace ordeal::pool::core {

std::vector<TicketView> Core::State::ticket_views() const {
  std::vector<TicketView> views;
  for (const Ticket& t : tickets_) {
    if (t.stage == Ticket::Stage::none) continue;
    TicketView view{.id = t.id,
                    .lease = t.lease,
                    .attempts = t.attempts,
                    .session = t.session,
                    .submitted_at = t.submitted_at,
                    .deadline = t.deadline};
    if (t.guarded) view.circuit = guards_[t.id.index].circuit;
    switch (t.stage) {
      case Ticket::Stage::none:
        break;
      case Ticket::Stage::queued: {
        view.stage = TicketStage::queued;
        const std::uint32_t lane = queue_.lane_of(t.id.index);
        if (lane != AdmissionQueue::shared_lane) view.worker = affinity_.bound_to(t.session);
        break;
      }
      case Ticket::Stage::running:
        view.stage = TicketStage::running;
        view.worker = t.worker;
        break;
      case Ticket::Stage::awaiting_exit:
        view.stage = TicketStage::awaiting_exit;
        view.worker = t.worker;
        break;
      case Ticket::Stage::backing_off:
        view.stage = TicketStage::backing_off;
        break;
    }
    views.push_back(view);
  }
  std::sort(views.begin(), views.end(),
            [](const TicketView& a, const TicketView& b) { return a.id.serial < b.id.serial; });
  return views;
}

std::vector<TimerView> Core::State::timer_views() const {
  std::vector<TimerView> views;
  for (const TimerQueue::Due& due : timers.all()) {
    TimerView view{.timer = due.timer, .at = due.at};
    switch (due.timer) {
      case Timer::queue_deadline:
      case Timer::affinity_wait:
      case Timer::retry_pause:
      case Timer::lease_limit:
      case Timer::certificate:
        view.ticket = tickets_[due.owner].id;
        break;
      case Timer::start_timeout:
      case Timer::stream_grace:
      case Timer::quarantine_grace:
      case Timer::health_check:
      case Timer::probe_timeout:
      case Timer::ask_grace:
      case Timer::terminate_grace:
      case Timer::age_max:
        view.worker = workers_[due.owner].id;
        break;
      default:  // the pool's own, or a circuit's
        break;
    }
    views.push_back(view);
  }
  return views;
}

}  // namespace ordeal::pool::core
