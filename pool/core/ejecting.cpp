// Workers that stand out from the others by failures or slowness get no work for a while
// (outliers.hpp says who). What is known of a worker is forgotten with each comparison; how often
// it was ejected is forgotten step by step, with each comparison that it stands.
//
// An ejected worker is in service, finishes what it has, is pinged, and may be replaced; its
// sessions are bound anew, as when it leaves. If others go and too few are left, those that would
// be back soonest come back at once.
#include <vector>

#include "pool/core/state.hpp"

namespace ordeal::pool::core {

void Core::State::note_performance(Worker& worker, const Slot& slot, bool failed) {
  if (!options.outliers.on() || stopping) return;
  Performance& p = worker.performance;
  ++p.answers;
  if (failed) ++p.failures;
  p.time += now_ - slot.taken_at;
  if (timers.is_armed(outlier_sweep_)) return;
  outlier_sweep_ = timers.arm(after(now_, options.outliers.interval), Timer::outlier_sweep);
}

void Core::State::on_outlier_sweep() {
  std::vector<Candidate> candidates;
  for (const Worker& worker : workers_) {
    if (!worker.id || !(is_in(worker) || worker.ejected)) continue;
    candidates.push_back({worker.id.index, worker.performance, worker.ejected});
  }
  for (const Chosen& chosen : choose_outliers(candidates, options.outliers)) {
    eject(workers_[chosen.worker], chosen.reason);
  }
  for (Worker& worker : workers_) {
    if (!worker.id) continue;
    const bool stands =
        !worker.ejected && worker.performance.answers >= options.outliers.requests_min;
    if (stands && worker.ejections > 0) --worker.ejections;
    worker.performance = {};
  }
}

void Core::State::eject(Worker& worker, OutlierReason why) {
  ++counters.ejections;
  ++ejected_;
  ++worker.ejections;
  worker.ejected = true;
  worker.ejected_until = after(now_, time_out(options.outliers, worker.ejections));
  worker.ejection_timer = timers.arm(worker.ejected_until, Timer::ejection, worker.id.index);
  make_unavailable(worker);
  actions.push(action::Eject{worker.id, why, worker.ejected_until - now_});
  tell({.what = Occurrence::worker_ejected,
        .worker = worker.id,
        .count = worker.ejections,
        .duration = worker.ejected_until - now_,
        .outlier = why});
  lose_bindings(worker);
}

void Core::State::readmit(Worker& worker) {
  end_ejection(worker);
  actions.push(action::Readmit{worker.id});
  tell({.what = Occurrence::worker_readmitted, .worker = worker.id});
  if (worker.lifecycle.state() == WorkerState::ready) {
    if (!worker.probed) make_available_again(worker);
  } else {
    refresh(worker);
  }
}

void Core::State::readmit_if_too_few() {
  while (ejected_ > 0) {
    std::uint32_t in = 0;
    Worker* soonest = nullptr;
    for (Worker& worker : workers_) {
      if (!worker.id) continue;
      in += is_in(worker) ? 1 : 0;
      if (!worker.ejected) continue;
      if (soonest == nullptr || worker.ejected_until < soonest->ejected_until) soonest = &worker;
    }
    if (in >= options.outliers.healthy_min) return;
    readmit(*soonest);
  }
}

// No-op for one that is not ejected.
void Core::State::end_ejection(Worker& worker) {
  if (!worker.ejected) return;
  worker.ejected = false;
  worker.ejected_until = never;
  timers.cancel(worker.ejection_timer);
  --ejected_;
}

}  // namespace ordeal::pool::core
