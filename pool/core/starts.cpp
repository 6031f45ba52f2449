// When a worker is started; what follows when starts fail: back-off, and the start circuit.
//
//     closed ──failures in a row >= max, and nobody alive──▶ open ──a worker gets ready──▶ closed
//
// Open: waiters and newcomers get workers_unavailable; one start at a time goes on behind them,
// after each back-off.
//
// Two rows of failures are counted as one number. Starts that fail: ended by any worker that gets
// ready. Workers that get ready and die idle before they have served anything (early deaths): ended
// by a new worker that serves. The first early death is replaced at once, and so are all that were
// started before it died: they share its cause, and are no evidence about their replacements. A
// worker that somebody else has killed (SIGKILL) is no evidence at all, and replaced at once.
// With that, a worker that dies again and again right behind its handshake cannot make a hot loop.
#include "pool/core/assert.hpp"
#include "pool/core/backoff.hpp"
#include "pool/core/state.hpp"

namespace ordeal::pool::core {

std::uint32_t Core::State::alive() const {
  return in_state(WorkerState::ready) + in_state(WorkerState::busy) +
         in_state(WorkerState::degraded);
}

bool Core::State::may_start() const {
  if (!opened_ || stopping || timers.is_armed(start_backoff_)) return false;
  return starting_ < (circuit_open ? 1 : options.starts_parallel_max);
}

bool Core::State::start_needed() const {
  if (canary_wanted() || staying() < target()) return true;
  return !paused() && staying() - target() < options.overflow &&
         queue_.size_of(AdmissionQueue::shared_lane) > starting_;
}

void Core::State::plan_starts() {
  while (start_needed() && may_start()) spawn(!canary_wanted() && staying() >= target());
}

void Core::State::spawn(bool overflow) {
  std::uint32_t index = static_cast<std::uint32_t>(workers_.size());
  if (free_workers_.empty()) {
    workers_.emplace_back();
  } else {
    index = free_workers_.back();
    free_workers_.pop_back();
  }
  Worker& worker = workers_[index];
  worker = Worker{};
  worker.id = WorkerId{index, ++last_worker_serial_};
  worker.lifecycle = Lifecycle{now_, options.history_max};
  worker.spawned_at = now_;
  worker.overflow = overflow;
  worker.generation = generation_of_next_start();
  if (canary_wanted()) canary_ = worker.id;
  worker.takes_start = true;
  worker.timer = timers.arm(after(now_, options.start_timeout), Timer::start_timeout, index);
  ++in_state(WorkerState::initializing);
  ++workers_known_;
  ++starting_;
  ++counters.spawns;
  actions.push(action::Spawn{worker.id, overflow, worker.generation});
  tell({.what = Occurrence::worker_spawning, .worker = worker.id});
}

// Its time is over; but it may be ready, and the news unread: the host itself may have been late.
void Core::State::on_start_timeout(Worker& worker) {
  ORDEAL_ASSERT(worker.lifecycle.state() == WorkerState::initializing,
                "only a starting worker can be late with its start");
  worker.look_awaited = true;
  actions.push(action::Look{worker.id});
}

// All that there is to be read of it has been read. A start that hangs keeps its place among the
// starts until its process is known to be gone.
void Core::State::judge_start(Worker& worker, bool reported) {
  worker.look_awaited = false;
  if (reported && worker.extensions < options.start_extensions_max) {
    ++worker.extensions;
    worker.timer =
        timers.arm(after(now_, options.start_timeout), Timer::start_timeout, worker.id.index);
    return tell(
        {.what = Occurrence::start_extended, .worker = worker.id, .count = worker.extensions});
  }
  note_start_failed(worker, ErrorCode::start_timeout);
  recover(worker, WorkerFailure::start_timeout);
}

void Core::State::note_start_failed(Worker& worker, ErrorCode code) {
  ++counters.start_failures;
  // No sign of how the program fares that the pool goes back to.
  const bool of_roll = fails_roll(worker);
  if (!of_roll) ++start_failures_;
  tell({.what = Occurrence::worker_start_failed,
        .worker = worker.id,
        .code = code,
        .count = failures_in_row()});
  if (of_roll) return fail_roll(worker, code);
  back_off(failures_in_row());
}

void Core::State::note_early_death(const Worker& worker) {
  if (worker.served > 0) return;
  // With a request in hand it may be the request that kills; callers bound the rate of that.
  if (worker.slots_granted > 0 || worker.slots_lost > 0) return;
  if (now_ - worker.ready_at >= options.start_backoff_max) {
    early_deaths_ = 0;  // it died, but not quickly: replacing it at once is slow enough
    return;
  }
  if (worker.id.serial <= early_death_mark_) return;
  early_death_mark_ = last_worker_serial_;
  ++early_deaths_;
  if (failures_in_row() > 1) back_off(failures_in_row() - 1);
}

void Core::State::note_start_succeeded() {
  start_failures_ = 0;
  if (early_deaths_ == 0) timers.cancel(start_backoff_);
  if (!circuit_open) return;
  circuit_open = false;
  tell({.what = Occurrence::start_circuit_closed});
}

void Core::State::back_off(std::uint32_t failures) {
  const Duration delay =
      backoff_delay(options.start_backoff_base, options.start_backoff_max, failures, random_);
  timers.cancel(start_backoff_);
  start_backoff_ = timers.arm(after(now_, delay), Timer::start_backoff);
  tell({.what = Occurrence::start_backing_off, .count = failures, .duration = delay});
}

void Core::State::update_circuit() {
  if (circuit_open || failures_in_row() < options.start_failures_max || alive() > 0) return;
  circuit_open = true;
  tell({.what = Occurrence::start_circuit_opened, .count = failures_in_row()});
  resolve_all_waiters(ErrorCode::workers_unavailable);
}

}  // namespace ordeal::pool::core
