// A consistent picture: everything of the core's and the runtime's under one hold of the lock;
// only /proc is read after it.
#include <algorithm>
#include <cstdio>
#include <memory>

#include <fmt/format.h>

#include "pool/core/names.hpp"
#include "pool/runtime/async_call.hpp"
#include "pool/runtime/engine.hpp"
#include "pool/runtime/housekeeper.hpp"
#include "pool/runtime/proc.hpp"

namespace ordeal::pool::runtime {
namespace {

void count_state(Status& status, core::WorkerState state) {
  switch (state) {
    case core::WorkerState::initializing:
      ++status.starting;
      break;
    case core::WorkerState::ready:
      ++status.idle;
      break;
    case core::WorkerState::busy:
      ++status.busy;
      break;
    case core::WorkerState::degraded:
      ++status.degraded;
      break;
    case core::WorkerState::terminating:
      ++status.terminating;
      break;
    case core::WorkerState::terminated:
      break;
  }
}

void copy_counters(Status& status, const core::Counters& counters) {
  status.queue_depth = counters.queued;
  status.running = counters.running;
  status.backing_off = counters.backing_off;
  status.submitted = counters.submitted;
  status.ok = counters.ok;
  status.failed = counters.failed;
  status.timed_out = counters.timed_out;
  status.rejected = counters.rejected;
  status.shed = counters.shed;
  status.cancelled = counters.cancelled;
  status.requeued = counters.requeued;
  status.retries = counters.retries;
  status.spawns = counters.spawns;
  status.start_failures = counters.start_failures;
  status.workers_lost = counters.workers_lost;
  status.workers_recycled = counters.workers_recycled;
  status.late_replies_drained = counters.late_replies_drained;
  status.probes = counters.probes;
  status.probe_failures = counters.probe_failures;
  status.workers_recovered = counters.workers_recovered;
  status.ejections = counters.ejections;
  status.workers_stuck = counters.workers_stuck;
  status.leases_overdue = counters.leases_overdue;
  status.affinity = {.bindings = counters.bindings,
                     .hits = counters.affinity_hits,
                     .misses = counters.affinity_misses,
                     .rebinds = counters.affinity_rebinds,
                     .waits_over = counters.affinity_waits_over,
                     .expired = counters.bindings_expired,
                     .evicted = counters.bindings_evicted,
                     .lost = counters.bindings_lost};
}

}  // namespace

Status Engine::status() const {
  Status status;
  status.size = options_.size;
  status.overflow = options_.overflow;
  status.queue_max = options_.queue_max;
  status.events_dropped = callbacks_.events_dropped();
  status.sink_failures = callbacks_.failures();
  if (is_forked_copy()) return status;  // the lock may be held by a thread that is not here
  {
    const std::lock_guard lock{mutex_};
    const Instant at = now();
    copy_counters(status, core_.counters());
    const core::OperationsView operations = core_.operations();
    status.size = operations.size;
    status.limit = operations.limit;
    status.admission = core::name_of(operations.admission);
    status.generation = operations.generation;
    status.rolling_to = operations.rolling_to;
    status.roll_failed = operations.failed_generation;
    status.stopping = core_.stopping();
    status.start_circuit_open = core_.start_circuit_open();
    status.record_stopped_early = recorder_.stopped_early();
    status.warden_restarts = housekeeper_->warden_restarts();
    status.warden_pid = housekeeper_->warden_pid();
    status.fork_template = template_;
    status.spin = spinner_.status();
    status.breakers = breakers_locked(at);
    status.calls_unguarded = breaker_keys_.unguarded();
    for (const core::WorkerView& view : core_.workers()) {
      count_state(status, view.state);
      WorkerStatus& worker = status.workers.emplace_back();
      worker.worker = view.id.serial;
      worker.state = core::to_string(view.state);
      worker.health = core::to_string(view.health);
      if (view.ejected_until != core::never) {
        ++status.ejected;
        worker.ejected_for = std::max(view.ejected_until - at, Duration{1});
      }
      worker.failures = view.failures;
      if (view.stuck != core::Stuck::no) worker.stuck = core::name_of(view.stuck);
      worker.age = at - view.spawned_at;
      worker.in_state = at - view.since;
      worker.served = view.served;
      worker.generation = view.generation;
      if (view.marked || view.withdrawn) worker.leaves_for = core::to_string(view.leaves_for);
      worker.withdrawn = view.withdrawn;
      worker.bindings = view.bindings;
      worker.transitions_total = view.total_transitions;
      for (const core::Lifecycle::Entry& entry : core_.history(view.id)) {
        worker.history.push_back({core::to_string(entry.from), core::to_string(entry.to),
                                  core::to_string(entry.reason), entry.in_previous_state});
      }
      if (const WorkerRecord* record = find_worker(view.id)) {
        worker.pid = record->pid;
        worker.last_progress = record->last_progress;
      }
    }
  }
  for (WorkerStatus& worker : status.workers) {
    if (worker.pid > 0) worker.rss_kib = resident_kib(worker.pid);
  }
  return status;
}

}  // namespace ordeal::pool::runtime
