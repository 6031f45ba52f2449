// The health of workers: who is pinged when, and what follows from the answer or its absence.
//
//     ready ──idle for an interval──▶ ready, probed ──answered──▶ ready
//                                         │
//                  no answer in time, or an error: failures + 1
//                                         ▼
//     ready ◀──answered── degraded ──pinged again, pauses doubling──▶ replaced at failures_max
//
// A probed worker gets no work, so no request ever waits behind a ping; the kit answers in
// microseconds. At most half of the idle workers are probed at once, and of one that is alone, that
// one: then a caller waits for its answer as it would wait for the worker.
//
// A worker that has a request is not pinged, but looked at: watching.cpp. Its calls have deadlines,
// and those that it does not meet count here too.
//
// A worker in steady use costs one timer an interval; its calls arm none.
#include <algorithm>

#include "pool/core/assert.hpp"
#include "pool/core/state.hpp"

namespace ordeal::pool::core {

void Core::State::watch_health(Worker& worker) {
  if (!health_rules_.on()) return;
  const Duration period = probe_period(health_rules_, health_random_);
  worker.health_timer = timers.arm(after(now_, period), Timer::health_check, worker.id.index);
}

bool Core::State::may_probe_idle() const {
  return probed_ < std::max(1U, in_state(WorkerState::ready) / 2);
}

void Core::State::on_health_check(Worker& worker) {
  const bool is_idle = worker.lifecycle.state() == WorkerState::ready;
  if (!is_idle && worker.lifecycle.health() != Health::unhealthy) return look_at_busy(worker);
  if (!is_idle) return begin_probe(worker);
  const Instant seen = std::max(worker.lifecycle.since(), worker.health.seen_at());
  if (now_ - seen < probe_rest(health_rules_)) {
    const Duration period = probe_period(health_rules_, health_random_);
    worker.health_timer = timers.arm(after(seen, period), Timer::health_check, worker.id.index);
  } else if (may_probe_idle()) {
    make_unavailable(worker);
    worker.probed = true;
    ++probed_;
    begin_probe(worker);
  } else {  // by then whoever is probed now has answered, or is degraded
    worker.health_timer =
        timers.arm(after(now_, health_rules_.timeout), Timer::health_check, worker.id.index);
  }
}

void Core::State::begin_probe(Worker& worker) {
  worker.health_timer =
      timers.arm(after(now_, health_rules_.timeout), Timer::probe_timeout, worker.id.index);
  const bool again = !worker.health.begin(now_);
  actions.push(action::Probe{worker.id, again});
  if (again) return;
  ++counters.probes;
  tell({.what = Occurrence::health_probe_started,
        .worker = worker.id,
        .count = worker.health.failures()});
}

void Core::State::on(const event::ProbeEnded& e) {
  Worker* worker = find(e.worker);
  if (worker == nullptr || worker->lifecycle.should_remove()) return;
  if (!worker->health.answered()) return;
  const bool good = e.code == ErrorCode::none;
  if (good || worker->health.is_waiting()) {
    tell({.what = Occurrence::health_probe_ended,
          .worker = worker->id,
          .code = e.code,
          .duration = now_ - worker->health.asked_at()});
  }
  // A good answer counts also when its time was over: it is alive again.
  if (good) return probe_passed(*worker);
  // A bad one behind its time: that failure is counted, and the next ping is on its way.
  if (worker->health.is_waiting()) probe_failed(*worker, e.code);
}

void Core::State::on_probe_timeout(Worker& worker) {
  tell({.what = Occurrence::health_probe_ended,
        .worker = worker.id,
        .code = ErrorCode::health_check_failed,
        .duration = now_ - worker.health.asked_at()});
  probe_failed(worker, ErrorCode::health_check_failed);
}

void Core::State::probe_passed(Worker& worker) {
  const bool was_probed = worker.probed;
  stop_health(worker);
  worker.health.passed();
  worker.health.note_seen(now_);
  watch_health(worker);
  if (was_probed) return make_available_again(worker);
  ++counters.workers_recovered;
  worker.lifecycle.set_health(Health::healthy);
  move_to(worker, WorkerState::ready, TransitionReason::health_restored);
  make_available(worker);
  tell({.what = Occurrence::worker_recovered,
        .worker = worker.id,
        .duration = now_ - worker.health.unhealthy_since()});
}

void Core::State::probe_failed(Worker& worker, ErrorCode code) {
  ++counters.probe_failures;
  const bool first = worker.lifecycle.state() == WorkerState::ready;
  stop_health(worker);
  const std::uint32_t failures = worker.health.failed();
  if (first) {
    worker.health.note_unhealthy(now_);
    worker.lifecycle.set_health(Health::unhealthy);
  }
  tell(
      {.what = Occurrence::worker_unhealthy, .worker = worker.id, .code = code, .count = failures});
  recover(worker, WorkerFailure::health_check_failed);
}

// Gets no work until a ping is answered; the next one follows after a pause.
void Core::State::degrade(Worker& worker, const RecoveryRow& row) {
  if (worker.lifecycle.state() == WorkerState::ready) {
    move_to(worker, WorkerState::degraded, TransitionReason::health_check_failed);
  }
  const Duration pause =
      probe_pause(health_rules_, row.delay, worker.health.failures(), health_random_);
  worker.health_timer = timers.arm(after(now_, pause), Timer::health_check, worker.id.index);
}

// No timer, and nothing waited for; what is known stays known.
void Core::State::stop_health(Worker& worker) {
  timers.cancel(worker.health_timer);
  worker.health.stop_waiting();
  if (!worker.probed) return;
  worker.probed = false;
  --probed_;
}

// Where it stood in the list: idle workers stand in the order in which they became so.
void Core::State::make_available_again(Worker& worker) {
  if (worker.ejected) return;
  std::uint32_t older = no_index;
  std::uint32_t newer = oldest_available_;
  while (newer != no_index && !(workers_[newer].lifecycle.state() == WorkerState::ready &&
                                workers_[newer].lifecycle.since() > worker.lifecycle.since())) {
    older = newer;
    newer = workers_[newer].newer;
  }
  const std::uint32_t index = worker.id.index;
  worker.available = true;
  worker.older = older;
  worker.newer = newer;
  (older == no_index ? oldest_available_ : workers_[older].newer) = index;
  (newer == no_index ? newest_available_ : workers_[newer].older) = index;
  note_wanted(worker);
}

}  // namespace ordeal::pool::core
