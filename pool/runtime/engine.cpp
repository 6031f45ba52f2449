#include "pool/runtime/engine.hpp"

#include <algorithm>
#include <random>
#include <utility>

#include "pool/core/assert.hpp"
#include "pool/options/core_options.hpp"
#include "pool/runtime/async_call.hpp"
#include "pool/runtime/driver.hpp"
#include "pool/runtime/housekeeper.hpp"
#include "pool/runtime/overloaded.hpp"

namespace ordeal::pool::runtime {
namespace {

std::uint64_t draw_seed() {
  std::random_device device;
  const std::uint64_t high = device();
  const std::uint64_t low = device();
  return high << 32 | low;
}

}  // namespace

void Engine::WakeList::add(WakeWord& sleeper) {
  if (count_ < sleepers_.size()) {
    sleepers_[count_++] = &sleeper;
  } else {
    more_.push_back(&sleeper);
  }
}

bool Engine::WakeList::begin(TicketSlot& slot) {
  if (begun_ != nullptr) return false;
  begun_ = &slot;
  return true;
}

void Engine::WakeList::notify_all() {
  if (begun_ != nullptr) notify_begun();
  for (std::size_t i = 0; i < count_; ++i) sleepers_[i]->notify();
  for (WakeWord* sleeper : more_) sleeper->notify();
  if (progress_ != nullptr) progress_->notify();
  count_ = 0;
  more_.clear();
  progress_ = nullptr;
}

// The worker has its request before the sleeper is awake: on a crowded CPU it runs first, and the
// reply is there when the sleeper comes to read it. From the moment that its phase is `granted` the
// worker is the sleeper's.
void Engine::WakeList::notify_begun() {
  TicketSlot& slot = *std::exchange(begun_, nullptr);
  WorkerRecord& worker = *slot.worker;
  RequestView request = *slot.request;
  request.attempt = slot.attempt;
  begin_exchange(worker, request, slot.granted_at);
  write_some(worker);
  slot.begun = true;
  slot.phase.store(TicketSlot::Phase::granted, std::memory_order_release);
  slot.wake.notify();
}

Engine::Engine(Options options)
    : options_(std::move(options)),
      default_retry_(options_.retry.policy()),
      spinner_(options_.spin == SpinMode::adaptive,
               std::chrono::microseconds{options_.spin_max_us}),
      core_(to_core_options(options_), options_.seed.value()),
      breaker_keys_(options_.breaker.circuits_max) {
  programs_.emplace(1, WorkerProgram{.command = options_.command,
                                     .working_directory = options_.working_directory});
}

Engine::~Engine() = default;

Result<std::shared_ptr<Engine>> Engine::start(Options options, std::vector<Sink> sinks) {
  if (auto valid = validate(options); !valid) return tl::unexpected(valid.error());
  options = with_defaults(std::move(options));
  if (!options.seed) options.seed = draw_seed();
  auto engine = std::make_shared<Engine>(std::move(options));
  if (auto opened = engine->recorder_.open(engine->options_, to_core_options(engine->options_));
      !opened) {
    return tl::unexpected(opened.error());
  }
  for (Sink& sink : sinks)
    engine->start_sinks_.push_back(engine->callbacks_.add_sink(std::move(sink)));
  engine->housekeeper_ = std::make_unique<Housekeeper>(*engine);
  if (auto started = engine->housekeeper_->start(); !started) {
    return tl::unexpected(started.error());
  }
  engine->feed(core::event::Opened{});
  if (auto ready = engine->await_ready(); !ready) {
    engine->retire(std::chrono::milliseconds{0});
    return tl::unexpected(ready.error());
  }
  return engine;
}

Result<void> Engine::await_ready() {
  if (options_.await_ready == AwaitReady::none) return {};
  const std::uint32_t wanted = options_.await_ready == AwaitReady::all ? options_.size : 1;
  while (true) {
    const std::uint32_t ticket = progress_.ticket();
    {
      const std::lock_guard lock{mutex_};
      std::uint32_t ready = 0;
      for (const core::WorkerView& view : core_.workers()) {
        ready += view.state == core::WorkerState::ready || view.state == core::WorkerState::busy;
      }
      if (ready >= wanted) return {};
      if (core_.start_circuit_open() && last_start_failure_) {
        return tl::unexpected(*last_start_failure_);
      }
    }
    progress_.wait_until(core::never, ticket);
  }
}

void Engine::feed(const core::Event& event) {
  WakeList wakes;
  {
    const std::lock_guard lock{mutex_};
    feed_locked(now(), event, wakes, nullptr);
  }
  // start() and stop() look again after each of the housekeeper's facts.
  wakes.add_progress(progress_);
  wakes.notify_all();
}

void Engine::feed_locked(Instant at, const core::Event& event, WakeList& wakes, TicketSlot* self) {
  // Whoever took the time before it got the lock may come later than one with a later time.
  at = std::max(at, last_fed_at_);
  last_fed_at_ = at;
  const bool observed = callbacks_.has_sinks();
  recorder_.emit(observed);
  core_.set_emit(observed);
  recorder_.event(at, event);
  core_.handle_event(at, event);
  const struct Closed {
    CallbackThread::EventWriter& told;
    ~Closed() { told.close(); }
  } closed{told_};
  drain_actions(wakes, self);
  // A lease that lost its worker while no call was using it: nobody else would answer the core.
  while (!idle_leases_lost_.empty()) {
    const core::TicketId lease = idle_leases_lost_.back();
    idle_leases_lost_.pop_back();
    const core::event::ExchangeEnded lost{.ticket = lease,
                                          .verdict = core::ExchangeVerdict::lost,
                                          .progress = core::WireProgress::written};
    recorder_.event(at, lost);
    core_.handle_event(at, lost);
    drain_actions(wakes, self);
  }
  kick_housekeeper_if_earlier();
}

void Engine::drain_actions(WakeList& wakes, TicketSlot* self) {
  while (const core::Action* const action = core_.next_action()) {
    recorder_.action(*action);
    if (const auto* const emit = std::get_if<core::action::Emit>(action)) {
      perform_emit(*emit);  // most are, if there is a sink
    } else {
      perform(*action, wakes, self);
    }
  }
}

void Engine::perform(const core::Action& action, WakeList& wakes, TicketSlot* self) {
  std::visit(Overloaded{
                 [&](const core::action::Grant& a) { perform_grant(a, wakes, self); },
                 [&](const core::action::Resolve& a) { perform_resolve(a, wakes, self); },
                 [&](const core::action::Pause& a) { perform_pause(a); },
                 [&](const core::action::Interrupt& a) { perform_interrupt(a); },
                 [&](const core::action::ForgetSession& a) { sessions_.forget(a.session); },
                 [](const core::action::Emit&) {},  // drain_actions() has done it
                 [&](const core::action::Stopped&) {
                   told_.close();  // whoever sees that it has stopped, drains
                   stopped_.store(true, std::memory_order_release);
                   wakes.add_progress(progress_);
                   housekeeper_->kick();
                 },
                 [&](const auto& a) { hand_to_housekeeper(a); },
             },
             action);
}

void Engine::perform_grant(const core::action::Grant& grant, WakeList& wakes, TicketSlot* self) {
  TicketSlot& slot = tickets_.at(grant.ticket);
  WorkerRecord& record = *workers_[grant.worker.index];
  record.clear_interrupts();
  slot.worker = &record;
  slot.granted_at = last_fed_at_;
  slot.attempt = grant.attempt;
  slot.affinity = grant.affinity;
  if (&slot != self && may_be_begun(slot) && wakes.begin(slot)) return;
  slot.phase.store(TicketSlot::Phase::granted, std::memory_order_release);
  if (slot.kind == TicketSlot::Kind::async) {
    inbox_.async_grants.push_back(&slot);
    housekeeper_->kick();
  } else if (&slot != self) {
    wakes.add(slot.wake);
  }
}

// Its caller sleeps, and the worker would wait until it has woken up. A long request would keep
// this thread from its own business.
bool Engine::may_be_begun(const TicketSlot& slot) {
  constexpr std::size_t request_bytes_max = 2048;
  return slot.request != nullptr && slot.request->arguments.size() <= request_bytes_max;
}

void Engine::perform_resolve(const core::action::Resolve& resolve, WakeList& wakes,
                             TicketSlot* self) {
  TicketSlot& slot = tickets_.at(resolve.ticket);
  slot.code = resolve.code;
  slot.worker_serial = resolve.worker.serial;
  slot.attempts = resolve.attempts;
  slot.maybe_ran = resolve.maybe_ran;
  slot.retry_after = resolve.retry_after;
  if (resolve.code != ErrorCode::none) keep_certificate(slot, resolve.worker);
  slot.phase.store(TicketSlot::Phase::resolved, std::memory_order_release);
  if (operations_awaited_ > 0) wakes.add_progress(progress_);  // a drain may be done
  switch (slot.kind) {
    case TicketSlot::Kind::async:
      told_.close();  // a callback overtakes no event
      callbacks_.post_callback([this, &slot] { deliver(slot); });
      break;
    case TicketSlot::Kind::blocking:
    case TicketSlot::Kind::lease:
      if (&slot != self) wakes.add(slot.wake);
      break;
  }
}

// Under the lock on purpose: the driver cannot give the worker back meanwhile, so the descriptor
// is still the worker's.
void Engine::perform_interrupt(const core::action::Interrupt& interrupt) {
  TicketSlot& slot = tickets_.at(interrupt.ticket);
  WorkerRecord& record = *workers_[interrupt.worker.index];
  if (slot.kind == TicketSlot::Kind::lease && !slot.lease_in_call) {
    if (interrupt.reason == core::InterruptReason::worker_gone) {
      idle_leases_lost_.push_back(interrupt.ticket);
    }
    return;
  }
  record.interrupts.fetch_or(interrupt.reason == core::InterruptReason::cancelled
                                 ? interrupt_cancelled
                                 : interrupt_worker_gone,
                             std::memory_order_acq_rel);
  if (slot.kind == TicketSlot::Kind::async) {
    hand_to_housekeeper(interrupt);
  } else {
    record.waiter->interrupt();
  }
}

void Engine::perform_emit(const core::action::Emit& emit) {
  EventNote* const note = told_.add(emit, last_fed_at_);
  if (note == nullptr) return;
  // In the order of NoteText.
  if (emit.session != core::no_session) {
    told_.put(*note, NoteText::session, sessions_.name_of(emit.session));
  }
  if (emit.circuit) told_.put(*note, NoteText::breaker, breaker_keys_.name(emit.circuit));
  const bool is_placed = emit.what == core::Occurrence::lease_overdue;
  const bool is_named = emit.what == core::Occurrence::request_resolved;
  if (!emit.ticket || (!is_placed && !is_named && !tickets_.has_texts())) return;
  const TicketSlot* slot = tickets_.find(emit.ticket);
  if (slot == nullptr) return;
  if (is_named) told_.put(*note, NoteText::command, slot->command);
  if (is_placed) told_.put(*note, NoteText::place, text_of(slot->place));
  told_.put(*note, NoteText::label, slot->label);
  told_.put(*note, NoteText::traceparent, slot->traceparent);
}

void Engine::hand_to_housekeeper(const core::Action& action) {
  inbox_.actions.push_back(action);
  housekeeper_->kick();
}

void Engine::kick_housekeeper_if_earlier() {
  const std::optional<Instant> next = core_.poll_timeout();
  if (next && *next < housekeeper_wakes_at_) {
    housekeeper_wakes_at_ = *next;
    housekeeper_->kick();
  }
}

Instant Engine::take_inbox(Inbox& inbox) {
  const std::lock_guard lock{mutex_};
  std::swap(inbox, inbox_);
  housekeeper_wakes_at_ = core_.poll_timeout().value_or(core::never);
  return housekeeper_wakes_at_;
}

WorkerRecord* Engine::worker(core::WorkerId id) {
  const std::lock_guard lock{mutex_};
  return find_worker(id);
}

WorkerRecord* Engine::find_worker(core::WorkerId id) const {
  if (id.index >= workers_.size() || !workers_[id.index]) return nullptr;
  return workers_[id.index]->id == id ? workers_[id.index].get() : nullptr;
}

void Engine::adopt_worker(std::unique_ptr<WorkerRecord> record) {
  const std::lock_guard lock{mutex_};
  const std::uint32_t index = record->id.index;
  if (index >= workers_.size()) workers_.resize(index + 1);
  ORDEAL_ASSERT(!workers_[index], "a worker's index is reused only after it was forgotten");
  workers_[index] = std::move(record);
}

void Engine::discard_worker(core::WorkerId id) {
  std::unique_ptr<WorkerRecord> gone;  // destroyed outside the lock: closes descriptors
  const std::lock_guard lock{mutex_};
  // One that could not be spawned was never adopted.
  if (id.index < workers_.size()) gone = std::move(workers_[id.index]);
}

void Engine::note_start_failure(Error error) {
  const std::lock_guard lock{mutex_};
  last_start_failure_ = std::move(error);
}

void Engine::note_certificate(WorkerRecord& record,
                              std::shared_ptr<const DeathCertificate> certificate) {
  const std::lock_guard lock{mutex_};
  deaths_.push_back(certificate);
  if (deaths_.size() > Diagnosis::deaths_max) deaths_.pop_front();
  record.certificate = std::move(certificate);
}

void Engine::note_progress(WorkerRecord& record, std::string text) {
  const std::lock_guard lock{mutex_};
  record.last_progress = std::move(text);
}

void Engine::note_template(const TemplateStatus& status) {
  const std::lock_guard lock{mutex_};
  template_ = status;
}

void Engine::tell(PoolEvent event) {
  if (callbacks_.has_sinks()) callbacks_.post_event(std::move(event));
}

bool Engine::stopping() const {
  const std::lock_guard lock{mutex_};
  return core_.stopping();
}

Subscription Engine::subscribe(Sink sink) {
  return Subscription{callbacks_.add_sink(std::move(sink))};
}

}  // namespace ordeal::pool::runtime
