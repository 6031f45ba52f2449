// What the core shows of itself and what it tells, against what it does: views, histories, events.
// A pool whose views are wrong misleads whoever runs it, though every request is served.
#include <algorithm>
#include <array>

#include "testing/model/core_oracle.hpp"
#include "testing/model/naive_lifecycle.hpp"

namespace ordeal::trial {

using namespace pool::core;  // NOLINT: this file speaks the core's vocabulary throughout
using pool::CircuitState;
using pool::ErrorCode;
using S = WorkerState;

namespace {

bool serves(S state) { return state == S::ready || state == S::busy || state == S::degraded; }

}  // namespace

void CoreOracle::told(const action::Emit& a) {
  if (a.what == Occurrence::request_retry_exhausted) return told_exhausted(a);
  if (a.what != Occurrence::worker_transition) return;
  Worker* worker = find(a.worker);
  expect(worker != nullptr, "an event of a worker that is not known", a.worker.serial);
  if (worker == nullptr) return;
  expect(a.from == worker->told, "(19) a worker's transitions are a chain", a.worker.serial);
  expect(may_become(a.from, a.to), "(18) a transition that the table does not have",
         a.worker.serial);
  worker->told = a.to;
  ++worker->times_told;
}

void CoreOracle::look_at(const Core& core) {
  looks_closely_ = true;
  if (!error_.empty()) return;
  const std::vector<WorkerView> views = core.workers();
  expect(views.size() == known_, "as many workers are shown as are known");
  for (const WorkerView& view : views) {
    look_at_worker(view);
    look_at_history(core, view);
  }
  look_at_tickets(core);
  look_at_circuits(core);
  look_at_starts(core);
  look_at_limit(core);
  look_at_comparisons(core);
  next_timer_ = core.poll_timeout().value_or(never);
}

void CoreOracle::look_at_worker(const WorkerView& view) {
  Worker* worker = find(view.id);
  const std::uint64_t serial = view.id.serial;
  expect(worker != nullptr, "a worker is shown that is not known", serial);
  if (worker == nullptr) return;
  expect(worker->told == view.state && worker->times_told == view.total_transitions,
         "(18) a worker's state changes with an event, and only then", serial);
  expect(serves(view.state) == worker->serving, "a worker is shown in another state", serial);
  expect(view.generation == worker->generation, "a worker is shown with another generation",
         serial);
  expect(view.since <= now_ && view.spawned_at <= view.since && view.since >= worker->shown_since,
         "(18) since when a worker is in its state moves forward alone", serial);
  worker->shown_since = view.since;
  if (!worker->serving) return;
  const auto in_use = [worker](Use use) {
    return static_cast<std::uint32_t>(std::count(worker->slots.begin(), worker->slots.end(), use));
  };
  const std::uint32_t running = in_use(Use::granted);
  const std::uint32_t dirty = in_use(Use::dirty);
  expect(view.slots == worker->slots.size() && view.slots_running == running &&
             view.slots_dirty == dirty,
         "a worker's slots are shown as they are in use", serial);
  expect(view.state != S::ready || (running == 0 && dirty == 0 && !worker->unhealthy),
         "(21) a worker is shown as ready that takes no work", serial);
  expect(view.state != S::busy || running > 0, "a worker is shown as busy that has no request",
         serial);
  expect((view.health == Health::unhealthy) == worker->unhealthy,
         "(22) a worker's health is shown as it is", serial);
  expect(view.withdrawn == worker->withdrawn, "a withdrawn worker is shown as one", serial);
  expect(view.served == worker->answers, "a worker's answers are counted", serial);
  expect((view.ejected_until != never) == worker->ejected, "an ejected worker is shown as one",
         serial);
}

// (19) A chain that ends in the state of now, as long as it may be, the oldest entries left out.
void CoreOracle::look_at_history(const Core& core, const WorkerView& view) {
  const std::vector<Lifecycle::Entry> history = core.history(view.id);
  const std::uint64_t serial = view.id.serial;
  const std::uint64_t kept = std::min<std::uint64_t>(view.total_transitions, options_.history_max);
  expect(history.size() == kept, "(19) a history is as long as it may be", serial);
  if (history.empty()) return;
  expect(view.total_transitions > kept || history.front().from == S::initializing,
         "(19) a whole history begins with the start", serial);
  for (std::size_t i = 0; i < history.size(); ++i) {
    const Lifecycle::Entry& entry = history[i];
    expect(may_become(entry.from, entry.to) && entry.in_previous_state >= Duration::zero(),
           "(18) a history has transitions of the table alone", serial);
    if (i == 0) continue;
    expect(
        entry.from == history[i - 1].to && entry.at - history[i - 1].at == entry.in_previous_state,
        "(19) a history is a connected chain", serial);
  }
  expect(history.back().to == view.state && history.back().at == view.since,
         "(19) a history ends in the state of now", serial);
}

void CoreOracle::look_at_tickets(const Core& core) {
  const std::vector<TicketView> views = core.tickets();
  expect(views.size() == open_, "as many requests are shown as are open");
  constexpr std::array shown{Stage::waiting, Stage::running, Stage::ended, Stage::pausing};
  std::uint64_t before = 0;
  for (const TicketView& view : views) {
    const Ticket* ticket = find(view.id);
    const std::uint64_t serial = view.id.serial;
    expect(ticket != nullptr && serial > before, "open requests are shown by serial", serial);
    if (ticket == nullptr) return;
    before = serial;
    expect(shown.at(static_cast<std::size_t>(view.stage)) == ticket->stage,
           "a request is shown at another stage", serial);
    expect(view.attempts == ticket->attempts && view.lease == ticket->lease &&
               view.deadline == ticket->deadline && view.session == ticket->session &&
               view.circuit == ticket->circuit,
           "a request is shown as it was submitted, with its attempts", serial);
  }
}

void CoreOracle::look_at_circuits(const Core& core) {
  if (!options_.breaker.enabled || stopping_) return;
  for (const CircuitView& view : core.circuits(now_)) {
    const KnownCircuit& known = circuits_.at(view.id.index);
    expect(known.naive->is_wait(view.retry_after, now_),
           "(36, 37) how long to wait for a circuit is another", view.id.serial);
  }
}

// (7) Who waits and could be served by one worker more gets it, unless starts fail.
void CoreOracle::look_at_starts(const Core& core) {
  if (stopping_ || starting_ >= (core.start_circuit_open() ? 1 : options_.starts_parallel_max)) {
    return;
  }
  for (const TimerView& view : core.timers()) {
    if (view.timer == Timer::start_backoff) return;
  }
  expect(staying() >= size_, "(7) fewer workers than size, and none is started");
  if (admission_ == Admission::paused || staying() >= size_ + options_.overflow) return;
  const auto anywhere = std::count_if(waiting_.begin(), waiting_.end(), [this](const auto& waits) {
    const Ticket& ticket = tickets_[waits.second];
    return !bound_to(ticket) && ticket.state_in_worker == 0;
  });
  expect(anywhere <= starting_, "(7) requests wait, and no overflow worker is started");
}

}  // namespace ordeal::trial
