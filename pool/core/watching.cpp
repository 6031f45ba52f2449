// Looks at workers that give no sign of themselves: those that have a request, at each of their
// health checks, and starts whose time is over.
//
//     busy ──health_check──▶ Look ──WorkerLooked──▶ busy, or stuck: told, and killed if it may be
//     initializing ──start_timeout──▶ Look ──WorkerLooked──▶ more time, or given up
//
// A worker that is stuck from some instant on is found by the second health check after it: within
// two intervals. Its requests end like those of any worker that dies.
#include <algorithm>

#include "pool/core/assert.hpp"
#include "pool/core/state.hpp"

namespace ordeal::pool::core {

// Its health timer has come due.
void Core::State::look_at_busy(Worker& worker) {
  watch_health(worker);
  if (worker.slots_granted == 0) return;  // it owes a reply, and has its time for that
  actions.push(action::Look{worker.id});
}

void Core::State::on(const event::WorkerLooked& e) {
  Worker* worker = find(e.worker);
  if (worker == nullptr || worker->lifecycle.should_remove()) return;
  if (worker->lifecycle.state() == WorkerState::initializing) {
    if (worker->look_awaited) judge_start(*worker, e.reports > 0 || e.beats > 0);
    return;
  }
  if (worker->slots_granted == 0) return worker->vigil.reset();
  judge_busy(*worker, {e.activity, e.trace, e.reports, e.beats});
}

bool Core::State::may_kill(Stuck stuck) const {
  switch (options.stuck_kill) {
    case StuckKill::never:
      return false;
    case StuckKill::proved:
      return stuck == Stuck::stopped || stuck == Stuck::locked;
    case StuckKill::silent:
      return stuck != Stuck::no;
  }
  return false;
}

void Core::State::judge_busy(Worker& worker, const Sign& sign) {
  Instant held_since{};
  for (const Slot& slot : worker.slots) {
    if (slot.use == Slot::Use::granted) held_since = std::max(held_since, slot.taken_at);
  }
  const Stuck before = worker.vigil.verdict();
  const Stuck stuck = worker.vigil.judge(sign, now_, held_since, worker.served, worker.beats);
  if (stuck != before) {
    if (before == Stuck::no) ++counters.workers_stuck;
    const bool goes_on = stuck == Stuck::no;
    tell({.what = goes_on ? Occurrence::worker_goes_on : Occurrence::worker_stuck,
          .worker = worker.id,
          .duration = goes_on ? Duration{} : now_ - worker.vigil.since(),
          .stuck = goes_on ? before : stuck});
  }
  if (may_kill(stuck)) recover(worker, WorkerFailure::stuck);
}

// A request of a worker that was found stuck has ended all the same.
void Core::State::note_goes_on(Worker& worker) {
  const Stuck was = worker.vigil.verdict();
  worker.vigil.reset();
  if (worker.lifecycle.should_remove()) return;
  tell({.what = Occurrence::worker_goes_on, .worker = worker.id, .stuck = was});
}

}  // namespace ordeal::pool::core
