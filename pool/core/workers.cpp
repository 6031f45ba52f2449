// A worker's way from ready to forgotten. How it starts: starts.cpp.
#include <algorithm>

#include "pool/core/assert.hpp"
#include "pool/core/state.hpp"

namespace ordeal::pool::core {

const Worker* Core::State::find(WorkerId id) const {
  if (!id || id.index >= workers_.size()) return nullptr;
  const Worker& worker = workers_[id.index];
  return worker.id == id ? &worker : nullptr;
}

Worker* Core::State::find(WorkerId id) {
  return const_cast<Worker*>(static_cast<const State*>(this)->find(id));
}

Worker& Core::State::holder(const Ticket& ticket) {
  Worker& worker = workers_[ticket.worker.index];
  ORDEAL_ASSERT(worker.id == ticket.worker, "a worker is not forgotten while a ticket holds it");
  return worker;
}

void Core::State::move_to(Worker& worker, WorkerState to, TransitionReason reason) {
  const WorkerState from = worker.lifecycle.state();
  const bool moved = worker.lifecycle.transition(now_, to, reason);
  ORDEAL_ASSERT(moved, "the core asks only for transitions of the table");
  --in_state(from);
  ++in_state(to);
  tell_often(Occurrence::worker_transition, [&](action::Emit& told) {
    told.worker = worker.id;
    told.from = from;
    told.to = to;
    told.reason = reason;
  });
}

void Core::State::on(const event::WorkerReady& e) {
  Worker* worker = find(e.worker);
  // One that was given up in the meantime stays given up.
  if (worker == nullptr || worker->lifecycle.state() != WorkerState::initializing) return;
  timers.cancel(worker->timer);
  worker->takes_start = false;
  --starting_;
  worker->slots.assign(std::clamp(e.slots, 1U, options.slots_max), Slot{});
  worker->ready_at = now_;
  worker->beats = e.beats;
  worker->look_awaited = false;
  worker->lifecycle.set_health(Health::healthy);
  move_to(*worker, WorkerState::ready, TransitionReason::start_complete);
  note_start_succeeded();
  make_available(*worker);
  watch_health(*worker);
  plan_retirement(*worker);
  welcome(*worker);
}

void Core::State::on(const event::WorkerFaulted& e) {
  Worker* worker = find(e.worker);
  if (worker == nullptr || worker->lifecycle.should_remove()) return;
  if (worker->lifecycle.state() == WorkerState::initializing) {
    note_start_failed(*worker, e.code);
    return recover(*worker, WorkerFailure::start_failed);
  }
  tell({.what = Occurrence::worker_faulted, .worker = e.worker, .code = e.code});
  recover(*worker, WorkerFailure::protocol_violated);
}

void Core::State::on(const event::WorkerExited& e) {
  Worker* worker = find(e.worker);
  if (worker == nullptr || worker->exited) return;
  worker->exited = true;
  timers.cancel(worker->timer);
  stop_health(*worker);
  if (worker->takes_start) {
    worker->takes_start = false;
    --starting_;
    if (worker->unwanted) --unwanted_;
  }
  switch (worker->lifecycle.state()) {
    case WorkerState::initializing:
      note_start_failed(*worker, e.spawned ? ErrorCode::start_exited : ErrorCode::spawn_failed);
      break;
    case WorkerState::ready:
    case WorkerState::busy:
    case WorkerState::degraded:
      note_lost(*worker,
                e.by_outsider ? Blame::outsider : recovery_of(WorkerFailure::exited).blame);
      break;
    case WorkerState::terminating:
    case WorkerState::terminated:
      break;
  }
  make_unavailable(*worker);
  drop_quarantines(*worker);
  drop_plan(*worker);
  move_to(*worker, WorkerState::terminated, TransitionReason::exited);
  lose_bindings(*worker);
  for (Slot& slot : worker->slots) {
    if (slot.use == Slot::Use::granted) {
      interrupt(tickets_[slot.ticket], InterruptReason::worker_gone);
    } else if (slot.use == Slot::Use::lost) {
      fail(tickets_[slot.ticket], loss_code(tickets_[slot.ticket], *worker));
      slot = Slot{};
      --worker->slots_lost;
    }
  }
  forget_if_done(*worker);
}

// Takes a worker out of service. No-op if it is on its way out already.
void Core::State::retire(Worker& worker, TransitionReason reason, Blame blame) {
  if (worker.lifecycle.should_remove()) return;
  make_unavailable(worker);
  timers.cancel(worker.timer);
  stop_health(worker);
  drop_quarantines(worker);
  if (worker.lifecycle.state() != WorkerState::initializing) note_lost(worker, blame);
  drop_plan(worker);
  move_to(worker, WorkerState::terminating, reason);
  lose_bindings(worker);
}

void Core::State::note_lost(Worker& worker, Blame blame) {
  if (stopping || blame == Blame::nobody) return;
  ++counters.workers_lost;
  if (blame != Blame::worker) return;
  if (worker.served == 0 && fails_roll(worker)) return fail_roll(worker, ErrorCode::worker_died);
  note_early_death(worker);
}

void Core::State::drop_quarantines(Worker& worker) {
  if (worker.slots_dirty == 0) return;
  for (Slot& slot : worker.slots) {
    if (slot.use != Slot::Use::dirty) continue;
    timers.cancel(slot.quarantine);
    slot = Slot{};
  }
  worker.slots_dirty = 0;
}

// Killed for what it does not do, so where it stands is of use.
static bool is_worth_a_dump(KillReason reason) {
  return reason == KillReason::stuck || reason == KillReason::unhealthy ||
         reason == KillReason::late_reply_overdue || reason == KillReason::start_timeout;
}

void Core::State::kill(Worker& worker, KillSignal signal, KillReason reason) {
  if (worker.exited || worker.kill_sent) return;
  if (!worker.dumps_stacks && is_worth_a_dump(reason) && !stopping &&
      options.stack_grace > Duration::zero()) {
    worker.dumps_stacks = true;
    worker.kill_reason = reason;
    worker.timer =
        timers.arm(after(now_, options.stack_grace), Timer::stack_grace, worker.id.index);
    actions.push(action::DumpStacks{worker.id, reason});
    return;
  }
  if (signal == KillSignal::kill) {
    worker.kill_sent = true;
    timers.cancel(worker.timer);
  }
  actions.push(action::Kill{worker.id, signal, reason});
}

void Core::State::kill_dumped(Worker& worker) {
  kill(worker, KillSignal::kill, worker.kill_reason);
}

void Core::State::on(const event::StacksDumped& e) {
  Worker* worker = find(e.worker);
  if (worker != nullptr && worker->dumps_stacks) kill_dumped(*worker);
}

void Core::State::discard(Worker& worker, TransitionReason why, Blame blame, KillReason reason) {
  retire(worker, why, blame);
  kill(worker, KillSignal::kill, reason);
}

// Does what the table (worker_recovery.hpp) says of this failure. Degrading and quarantines begin
// where it is known for how long: probing.cpp, exchange.cpp.
void Core::State::recover(Worker& worker, WorkerFailure failure) {
  const RecoveryRow& row = recovery_of(failure);
  switch (decide(failure, worker.health.failures(), health_rules_.failures_max)) {
    case Remedy::replace:
      return discard(worker, row.reason, row.blame, row.kill);
    case Remedy::await_exit:
      return retire(worker, row.reason, row.blame);
    case Remedy::degrade:
      return degrade(worker, row);
    case Remedy::quarantine:
    case Remedy::bury:
      return;
  }
}

// A granted or lost slot is in nobody's hands any more.
void Core::State::free_slot(Worker& worker, std::uint32_t slot) {
  Slot& s = worker.slots[slot];
  ORDEAL_ASSERT(s.use == Slot::Use::granted || s.use == Slot::Use::lost,
                "only a slot that is in use is given back");
  --(s.use == Slot::Use::granted ? worker.slots_granted : worker.slots_lost);
  s = Slot{};
  if (worker.vigil.verdict() != Stuck::no) note_goes_on(worker);
  refresh(worker);
  forget_if_done(worker);
}

// State and availability follow from what the slots are used for.
void Core::State::refresh(Worker& worker) {
  const WorkerState state = worker.lifecycle.state();
  if (state == WorkerState::initializing || worker.lifecycle.should_remove()) return;
  if (worker.slots_granted > 0) {
    if (state != WorkerState::busy) move_to(worker, WorkerState::busy, TransitionReason::checkout);
  } else if (worker.withdrawn && !stopping) {
    return ask_to_stop(worker, worker.leaves_for);
  } else if (worker.slots_dirty > 0) {
    if (state != WorkerState::degraded) {
      move_to(worker, WorkerState::degraded, TransitionReason::late_reply_outstanding);
    }
    // No stop waits for a late reply that nobody wants.
    if (stopping) {
      return discard(worker, TransitionReason::stop, Blame::nobody, KillReason::stop_grace_over);
    }
  } else if (state != WorkerState::ready && worker.lifecycle.health() != Health::unhealthy) {
    move_to(worker, WorkerState::ready,
            state == WorkerState::degraded ? TransitionReason::late_reply_drained
                                           : TransitionReason::checkin);
    if (stopping) return ask_to_stop(worker, TransitionReason::stop);
  }
  const bool takes_more = worker.slots_dirty == 0 && worker.slots_granted < worker.slots.size() &&
                          worker.lifecycle.health() == Health::healthy && !stopping &&
                          !worker.withdrawn;
  takes_more ? make_available(worker) : make_unavailable(worker);
}

void Core::State::forget_if_done(Worker& worker) {
  if (!worker.exited || worker.slots_granted > 0 || worker.slots_lost > 0) return;
  actions.push(action::Forget{worker.id});
  --in_state(WorkerState::terminated);
  free_workers_.push_back(worker.id.index);
  worker.id = {};
  --workers_known_;
}

void Core::State::ask_to_stop(Worker& worker, TransitionReason reason) {
  retire(worker, reason, Blame::nobody);
  actions.push(action::AskToStop{worker.id, reason});
  worker.timer = timers.arm(after(now_, options.ask_grace), Timer::ask_grace, worker.id.index);
}

void Core::State::on_leave_overdue(Worker& worker, Timer which) {
  if (which == Timer::terminate_grace) {
    return kill(worker, KillSignal::kill, KillReason::did_not_stop);
  }
  kill(worker, KillSignal::terminate, KillReason::did_not_stop);
  worker.timer =
      timers.arm(after(now_, options.terminate_grace), Timer::terminate_grace, worker.id.index);
}

}  // namespace ordeal::pool::core
