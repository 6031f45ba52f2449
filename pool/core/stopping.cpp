// The end of the pool: nothing new, what runs may finish, and at stop_at_ whatever is left is
// killed. Idle workers are asked, then terminated, then killed, but never later than stop_at_.
#include <algorithm>

#include "pool/core/assert.hpp"
#include "pool/core/state.hpp"

namespace ordeal::pool::core {

void Core::State::on(const event::StopRequested& e) {
  if (stopped_) return;
  const Instant until = after(now_, e.grace);
  if (!stopping) begin_stop();
  stop_at_ = std::min(stop_at_, until);  // a second stop can only shorten
  timers.cancel(stop_grace_);
  if (stop_at_ <= now_) return on_stop_grace();
  stop_grace_ = timers.arm(stop_at_, Timer::stop_grace);
}

void Core::State::begin_stop() {
  stopping = true;
  circuit_open = false;
  timers.cancel(start_backoff_);
  timers.cancel(overflow_idle_);
  timers.cancel(outlier_sweep_);
  timers.cancel(binding_expiry_);
  forget_half_open_timers();
  end_roll();
  tell({.what = Occurrence::pool_stopping,
        .count =
            static_cast<std::uint32_t>(queue_.size() + counters.running + counters.backing_off)});
  resolve_all_waiters(ErrorCode::pool_stopping);
  resolve_all_paused(ErrorCode::pool_stopping);
  for (Worker& worker : workers_) {
    if (!worker.id) continue;
    switch (worker.lifecycle.state()) {
      case WorkerState::ready:
        ask_to_stop(worker, TransitionReason::stop);
        break;
      case WorkerState::initializing:
      case WorkerState::degraded:
        discard(worker, TransitionReason::stop, Blame::nobody, KillReason::stop_grace_over);
        break;
      case WorkerState::busy:
        make_unavailable(worker);
        break;
      case WorkerState::terminating:
      case WorkerState::terminated:
        break;
    }
  }
}

void Core::State::on_stop_grace() {
  for (Worker& worker : workers_) {
    if (!worker.id || worker.exited || worker.kill_sent) continue;
    worker.stop_killed = worker.slots_granted > 0;
    discard(worker, TransitionReason::stop, Blame::nobody, KillReason::stop_grace_over);
  }
}

void Core::State::finish_stop() {
  if (stopped_ || workers_known_ > 0) return;
  ORDEAL_ASSERT(counters.queued + counters.running + counters.backing_off == 0,
                "(10) a request waits for no stopping pool, and runs in no forgotten worker");
  stopped_ = true;
  timers.cancel(stop_grace_);
  tell({.what = Occurrence::pool_stopped});
  actions.push(action::Stopped{});
}

}  // namespace ordeal::pool::core
