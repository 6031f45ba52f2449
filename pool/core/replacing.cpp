// One worker in another's place, while the pool serves on: what operators order, and what a
// worker's own count, age or memory asks for.
//
//     serves ──mark──▶ marked ──its turn──▶ admitted ──others serve──▶ withdrawn ──idle──▶ asked to
//     leave
//                     serves on         serves on; one more       gets no more
//                                       is started                requests
//
// One cap for all reasons, replace_parallel_max: so many are admitted at once, until they have
// left. A worker is withdrawn only when `size` others serve, so capacity never dips; if the other
// does not come up, it serves on. Nobody is asked to leave with a request in hand. A worker that
// ends by itself on the way is replaced like any other.
//
// What is surplus after a resize leaves without all this: nobody takes its place.
#include <algorithm>
#include <array>
#include <utility>

#include "pool/core/assert.hpp"
#include "pool/core/state.hpp"

namespace ordeal::pool::core {

void Core::State::plan_retirement(Worker& worker) {
  const auto earlier = [this](std::uint64_t whole) {
    const std::uint64_t share = whole / 100 * options.retire_stagger_percent +
                                whole % 100 * options.retire_stagger_percent / 100;
    return share == 0 ? whole : whole - retire_random_.below(share + 1);
  };
  if (options.retire_requests != 0) {
    worker.requests_max = std::max<std::uint64_t>(earlier(options.retire_requests), 1);
  }
  if (options.retire_age > Duration::zero()) {
    const auto age = static_cast<std::uint64_t>(options.retire_age.count());
    const Duration drawn{static_cast<Duration::rep>(earlier(age))};
    worker.age_timer = timers.arm(after(now_, drawn), Timer::age_max, worker.id.index);
  }
}

void Core::State::on(const event::WorkerMeasured& e) {
  Worker* worker = find(e.worker);
  if (worker == nullptr || !worker->in_service()) return;
  if (worker->memory.add(options.retire_memory, worker->served, e.rss_kib)) {
    mark(*worker, TransitionReason::memory_growth);
  }
}

void Core::State::on(const event::ReplaceOrdered& e) {
  if (Worker* worker = find(e.worker)) mark(*worker, TransitionReason::drained);
}

// The first reason stays, but for a roll's: that one may be taken back, and the others hold.
void Core::State::mark(Worker& worker, TransitionReason why) {
  if (stopping || worker.withdrawn || !worker.in_service()) return;
  if (!worker.marked || worker.leaves_for == TransitionReason::rolled) worker.leaves_for = why;
  if (std::exchange(worker.marked, true)) return;
  worker.mark = ++marks_;
  ++marked_;
  tell({.what = Occurrence::worker_retiring, .worker = worker.id, .reason = why});
}

// REQUIRES: marked, not withdrawn.
void Core::State::unmark(Worker& worker) {
  worker.marked = false;
  --marked_;
  if (!std::exchange(worker.admitted, false)) return;
  --admitted_;
  --replacing_;
}

// It leaves service, for whatever reason. leaves_for stays: for whoever asks why it has left.
void Core::State::drop_plan(Worker& worker) {
  end_ejection(worker);
  timers.cancel(worker.age_timer);
  if (worker.admitted && !worker.withdrawn) --replacing_;
  if (std::exchange(worker.admitted, false)) --admitted_;
  if (std::exchange(worker.marked, false)) --marked_;
  if (std::exchange(worker.withdrawn, false)) --withdrawn_;
}

// Of the marked ones the first that is not admitted, or that is and has not been withdrawn.
Worker* Core::State::first_marked(bool admitted) {
  Worker* first = nullptr;
  for (Worker& worker : workers_) {
    if (!worker.id || !worker.marked || worker.withdrawn || worker.admitted != admitted) continue;
    if (first == nullptr || worker.mark < first->mark) first = &worker;
  }
  return first;
}

void Core::State::plan_replacements() {
  while (true) {
    if (replacing_ > 0) {
      Worker& worker = *first_marked(true);
      const WorkerState state = worker.lifecycle.state();
      const bool serves = state == WorkerState::ready || state == WorkerState::busy;
      if (serving() - (serves ? 1 : 0) >= size_) {
        withdraw(worker, worker.leaves_for);
        continue;
      }
    }
    if (admitted_ >= options.replace_parallel_max) return;
    Worker* next = first_marked(false);
    if (next == nullptr) return;
    next->admitted = true;
    ++admitted_;
    ++replacing_;
  }
}

void Core::State::withdraw(Worker& worker, TransitionReason why) {
  if (why == TransitionReason::surplus && worker.marked) unmark(worker);  // nobody takes its place
  if (worker.admitted) --replacing_;
  worker.withdrawn = true;
  worker.leaves_for = why;
  ++withdrawn_;
  if (why != TransitionReason::surplus) ++counters.workers_recycled;
  make_unavailable(worker);
  actions.push(action::Withdraw{worker.id, why});
  if (worker.slots_granted == 0) return ask_to_stop(worker, why);
  lose_bindings(worker);
}

void Core::State::on(const event::ResizeOrdered& e) {
  if (stopping) return;
  size_ = std::max(e.size, 1U);
  tell({.what = Occurrence::pool_resized, .count = size_});
  shrink();
}

// Starts first: they have nothing to lose. While callers wait, overflow is what they need.
void Core::State::shrink() {
  const std::uint32_t overflow = queue_.empty() ? 0 : options.overflow;
  for (std::size_t i = workers_.size(); i > 0 && staying() > target() + overflow; --i) {
    Worker& worker = workers_[i - 1];
    if (worker.id && worker.id != canary_) give_up_start(worker, TransitionReason::surplus);
  }
  while (staying() > target() + overflow) {
    Worker* worker = most_dispensable();
    if (worker == nullptr) return;
    withdraw(*worker, TransitionReason::surplus);
  }
}

// One that is unhealthy, else one that is to go anyway, else the one that has been idle for
// longest, else the one that has been busy for longest.
Worker* Core::State::most_dispensable() {
  const auto rank = [](const Worker& worker) {
    const WorkerState state = worker.lifecycle.state();
    const int idle = state == WorkerState::ready ? 0 : 1;
    return std::pair{(state == WorkerState::degraded ? 0 : 2 + (worker.marked ? 0 : 2) + idle),
                     worker.lifecycle.since()};
  };
  Worker* best = nullptr;
  for (Worker& worker : workers_) {
    if (!worker.id || worker.withdrawn || !worker.in_service()) continue;
    if (best == nullptr || rank(worker) < rank(*best)) best = &worker;
  }
  return best;
}

// No-op for a worker that does not start, or has been given up.
void Core::State::give_up_start(Worker& worker, TransitionReason why) {
  if (worker.lifecycle.state() != WorkerState::initializing || worker.exited) return;
  worker.unwanted = true;
  worker.leaves_for = why;
  ++unwanted_;
  discard(worker, why, Blame::nobody, KillReason::unwanted);
}

void Core::State::on(const event::AdmissionOrdered& e) {
  if (stopping || e.admission == admission_) return;
  const bool was_paused = paused();
  admission_ = e.admission;
  static constexpr std::array told{Occurrence::pool_resumed, Occurrence::pool_paused,
                                   Occurrence::pool_draining};
  tell({.what = told[static_cast<std::size_t>(e.admission)],
        .count = static_cast<std::uint32_t>(queue_.size() + counters.running)});
  if (!was_paused) return;
  // While nobody was served, workers may have got available that somebody insists on.
  for (std::uint32_t i = newest_available_; i != no_index; i = workers_[i].older) {
    note_wanted(workers_[i]);
  }
}

}  // namespace ordeal::pool::core
