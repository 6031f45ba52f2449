// A diagnosis: everything of the core's and the runtime's under one hold of the lock; what /proc
// and the workers themselves have to say, outside it.
#include "ordeal/pool/diagnosis.hpp"

#include <algorithm>

#include "pool/core/names.hpp"
#include "pool/runtime/async_call.hpp"
#include "pool/runtime/engine.hpp"
#include "pool/runtime/housekeeper.hpp"
#include "pool/runtime/proc.hpp"

namespace ordeal::pool::runtime {

// Under the lock.
RequestSight Engine::sight_of(const core::TicketView& ticket, Instant at) const {
  RequestSight sight;
  sight.request = ticket.id.serial;
  sight.state = core::name_of(ticket.stage);
  sight.lease = ticket.lease;
  sight.attempts = ticket.attempts;
  sight.worker = ticket.worker.serial;
  sight.age = at - ticket.submitted_at;
  if (ticket.deadline != core::never) sight.deadline_in = ticket.deadline - at;
  if (ticket.session != core::no_session) sight.session = sessions_.name_of(ticket.session);
  if (ticket.circuit) sight.breaker = breaker_keys_.name(ticket.circuit);
  if (const TicketSlot* slot = tickets_.find(ticket.id)) {
    sight.command = slot->command;
    sight.label = slot->label;
    if (ticket.lease) sight.place = text_of(slot->place);
    if (ticket.stage == core::TicketStage::running) sight.in_worker = at - slot->granted_at;
  }
  return sight;
}

// Under the lock.
void Engine::see_requests(Diagnosis& diagnosis, Instant at) const {
  for (const core::TicketView& ticket : core_.tickets()) {
    const bool runs = ticket.stage == core::TicketStage::running ||
                      ticket.stage == core::TicketStage::awaiting_exit;
    if (!runs) {
      auto& list = ticket.stage == core::TicketStage::queued ? diagnosis.queue : diagnosis.pausing;
      if (list.size() < Diagnosis::requests_max) list.push_back(sight_of(ticket, at));
      continue;
    }
    const auto worker = std::find_if(
        diagnosis.workers.begin(), diagnosis.workers.end(),
        [&](const WorkerSight& sight) { return sight.worker == ticket.worker.serial; });
    if (worker != diagnosis.workers.end() && !worker->request) {
      worker->request = sight_of(ticket, at);
    }
  }
}

// Under the lock.
void Engine::see_starts(Diagnosis& diagnosis, Instant at) const {
  diagnosis.start_failures = core_.operations().start_failures;
  if (diagnosis.start_failures > 0 && last_start_failure_) {
    diagnosis.last_start_failure = last_start_failure_->message;
  }
  for (const core::TimerView& timer : core_.timers()) {
    if (timer.timer == core::Timer::start_backoff) diagnosis.next_start_in = timer.at - at;
    if (diagnosis.timers.size() >= Diagnosis::timers_max) continue;
    diagnosis.timers.push_back({.timer = core::name_of(timer.timer),
                                .in = timer.at - at,
                                .request = timer.ticket.serial,
                                .worker = timer.worker.serial});
  }
}

namespace {

// Whether a process computes is not to be seen in one look: one that waits has just been woken to
// write its stacks, one that computes may be waiting for its turn. So it is watched for a while: it
// computes if it has had some processor time, or has wanted it most of the time and got none.
constexpr std::chrono::milliseconds window{20};

bool computes(const ProcessorUse& before, const ProcessorUse& after) {
  const Duration ran = after.ran - before.ran;
  const Duration waited = after.waited - before.waited;
  return ran >= window / 10 || ran + waited >= window / 2 || (before.wants_one && after.wants_one);
}

}  // namespace

void Engine::look_at_processes(Diagnosis& diagnosis) {
  std::vector<std::optional<ProcessorUse>> before;
  for (const WorkerSight& worker : diagnosis.workers) {
    before.push_back(worker.request ? processor_use(worker.pid) : std::nullopt);
  }
  const bool any = std::any_of(before.begin(), before.end(), [](const auto& t) { return !!t; });
  const Instant until = core::after(now(), window);
  while (any && now() < until && !stopped()) progress_.wait_until(until, progress_.ticket());
  for (std::size_t i = 0; i < diagnosis.workers.size(); ++i) {
    WorkerSight& worker = diagnosis.workers[i];
    worker.process = process_state(worker.pid);
    worker.waits_in = waits_in(worker.pid);
    const std::optional<ProcessorUse> after = processor_use(worker.pid);
    const bool alive =
        worker.process == ProcessState::running || worker.process == ProcessState::sleeping;
    if (!before[i] || !after || !alive) continue;
    worker.process = computes(*before[i], *after) ? ProcessState::running : ProcessState::sleeping;
  }
}

Diagnosis Engine::diagnose(const DiagnosisOptions& options) {
  Diagnosis diagnosis;
  diagnosis.status = status();
  if (is_forked_copy()) return diagnosis;
  {
    const std::lock_guard lock{mutex_};
    const Instant at = std::max(now(), last_fed_at_);
    for (const WorkerStatus& worker : diagnosis.status.workers) {
      if (options.worker != 0 && worker.worker != options.worker) continue;
      diagnosis.workers.push_back({.worker = worker.worker,
                                   .pid = worker.pid,
                                   .state = worker.state,
                                   .in_state = worker.in_state,
                                   .stuck = worker.stuck,
                                   .last_progress = worker.last_progress});
    }
    for (const auto& certificate : deaths_) {
      diagnosis.deaths.push_back(*certificate);
      diagnosis.deaths.back().stderr_tail.clear();
    }
    see_requests(diagnosis, at);
    see_starts(diagnosis, at);
  }
  if (options.stacks) gather_stacks(diagnosis, options);
  look_at_processes(diagnosis);
  return diagnosis;
}

}  // namespace ordeal::pool::runtime

namespace ordeal::pool {

Diagnosis Pool::diagnose(const DiagnosisOptions& options) const {
  return engine_->diagnose(options);
}

}  // namespace ordeal::pool
