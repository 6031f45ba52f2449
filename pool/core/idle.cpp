// The workers that can take a request now, most recently used first, and what becomes of those at
// the other end: the surplus over `size` that nobody has needed for overflow_idle_timeout.
//
// Most recently used first keeps one end of the list warm and lets the other end grow old. Which
// workers are "overflow" is a matter of count: the oldest idle ones go, whenever they were started.
#include "pool/core/assert.hpp"
#include "pool/core/state.hpp"

namespace ordeal::pool::core {

void Core::State::make_available(Worker& worker) {
  const std::uint32_t index = worker.id.index;
  if (newest_available_ == index || worker.ejected) return;
  make_unavailable(worker);
  worker.available = true;
  worker.newer = no_index;
  worker.older = newest_available_;
  (newest_available_ == no_index ? oldest_available_ : workers_[newest_available_].newer) = index;
  newest_available_ = index;
  note_wanted(worker);
}

void Core::State::note_wanted(const Worker& worker) {
  if (queue_.empty() || queue_.size_of(lane_of(worker.id)) == 0) return;
  wanted_.push_back(worker.id.index);
}

void Core::State::make_unavailable(Worker& worker) {
  if (!worker.available) return;
  worker.available = false;
  (worker.newer == no_index ? newest_available_ : workers_[worker.newer].older) = worker.older;
  (worker.older == no_index ? oldest_available_ : workers_[worker.older].newer) = worker.newer;
}

// A timer that is armed already may be early; then it finds nothing to do and is armed anew.
void Core::State::plan_overflow_idle() {
  const std::uint32_t ready = in_state(WorkerState::ready);
  if (ready == probed_ || serving() <= target()) return;
  if (timers.is_armed(overflow_idle_)) return;
  std::uint32_t index = oldest_available_;
  while (index != no_index && workers_[index].lifecycle.state() != WorkerState::ready) {
    index = workers_[index].newer;
  }
  if (index == no_index) return;  // all that are idle are ejected
  const Instant idle_since = workers_[index].lifecycle.since();
  overflow_idle_ =
      timers.arm(after(idle_since, options.overflow_idle_timeout), Timer::overflow_idle);
}

void Core::State::on_overflow_idle() {
  std::uint32_t surplus = serving() > target() ? serving() - target() : 0;
  // Oldest first: those that are fully idle stand in the order in which they became so.
  std::uint32_t index = oldest_available_;
  while (surplus > 0 && index != no_index) {
    Worker& worker = workers_[index];
    index = worker.newer;
    if (worker.lifecycle.state() != WorkerState::ready) continue;
    if (after(worker.lifecycle.since(), options.overflow_idle_timeout) > now_) return;
    ask_to_stop(worker, TransitionReason::idle_retire);
    --surplus;
  }
}

}  // namespace ordeal::pool::core
