// The simulated workers, and the drivers that talk to them for the core's tickets.
#include <algorithm>
#include <array>

#include "testing/sim/simulation.hpp"

namespace ordeal::trial {

using namespace pool::core;  // NOLINT: this file speaks the core's vocabulary throughout
using pool::ErrorCode;
using Kind = Happening::Kind;
using namespace std::chrono_literals;

namespace {

// How long news takes on its way through the host, at most: end of file, an exit, an interrupt.
constexpr Duration news_max = 200us;
constexpr Duration kill_max = 1ms;
constexpr Duration leave_max = 20ms;

constexpr std::array<ErrorCode, 4> violations{
    ErrorCode::malformed_frame, ErrorCode::malformed_reply, ErrorCode::reply_id_mismatch,
    ErrorCode::reply_too_large};

}  // namespace

Simulation::Process* Simulation::find(WorkerId worker) {
  if (worker.index >= processes_.size()) return nullptr;
  Process& process = processes_[worker.index];
  return process.id == worker ? &process : nullptr;
}

void Simulation::spawn(const action::Spawn& a) {
  if (a.worker.index >= processes_.size()) processes_.resize(a.worker.index + std::size_t{1});
  Process& process = processes_[a.worker.index];
  if (process.alive) return fail("a worker's place is taken over while its process lives");
  process = Process{.id = a.worker};
  const Instant then = now_ + up_to(options_.start_max);
  if (draw(options_.faults.spawn_fails)) {
    return agenda_.plan(then, {.kind = Kind::exit_noticed, .worker = a.worker});
  }
  process.alive = true;
  ++alive_;
  process.stubborn = draw(options_.faults.stubborn);
  if (options_.bad_programs && a.generation % 2 == 0) {  // also in the calm: a roll goes back
    return agenda_.plan(then, {.kind = Kind::dies, .worker = a.worker});
  }
  if (spoil_start(process, then) || draw(options_.faults.start_hangs)) return;
  if (draw(options_.faults.start_exits)) {
    return agenda_.plan(then, {.kind = Kind::dies, .worker = a.worker});
  }
  if (draw(options_.faults.start_faults)) {
    return agenda_.plan(then, {.kind = Kind::fault, .worker = a.worker});
  }
  const bool stops = options_.stop_under_load && last_serial_ > 0 && draw(options_.races);
  const bool comes_first = stops && random_.chance(1, 2);
  const Happening stop{.kind = Kind::race_stop, .worker = a.worker};
  if (comes_first) agenda_.plan(then, stop);
  agenda_.plan(then, {.kind = Kind::ready, .worker = a.worker});
  if (stops && !comes_first) agenda_.plan(then, stop);
  if (draw(options_.faults.dies_idle)) {
    const Duration lives = up_to(options_.start_max);
    agenda_.plan(then + lives, {.kind = Kind::dies, .worker = a.worker});
  }
}

void Simulation::grant(const action::Grant& a) {
  Client& client = clients_[a.ticket.index];
  if (!client.open || client.ticket != a.ticket || client.granted) {
    return fail("(1 of section 17) a worker for nobody");
  }
  client.granted = true;
  if (client.session != no_session) last_worker_[client.session] = a.worker.serial;
  client.grants = ++last_grant_;
  client.worker = a.worker;
  client.slot = a.slot;
  client.progress = WireProgress::written;
  client.late_reply = never;
  client.violates = client.reply_in_pipe = false;
  plan_exchange(a.ticket.index);
}

void Simulation::plan_exchange(std::uint32_t number) {
  using V = ExchangeVerdict;
  using P = WireProgress;
  Client& client = clients_[number];
  const FaultRates& faults = options_.faults;
  Process* process = find(client.worker);
  if (process == nullptr) return fail("a grant of a worker that never was");
  const Instant soon = now_ + up_to(news_max);
  if (!process->alive) {  // it died, and the core has not been told yet
    return plan_end(number, soon, V::lost, random_.chance(1, 2) ? P::untouched : P::written);
  }
  if (draw(faults.unusable)) {
    return plan_end(number, soon, V::violated, P::untouched, ErrorCode::stray_output);
  }
  const Instant then = frozen_until(*process) + up_to(options_.latency_max);
  if (damage(number, *process, then)) return;
  if (draw(faults.closes_stream)) return plan_end(number, then, V::lost, P::written);
  if (draw(faults.violates)) {
    const ErrorCode code = violations[random_.below(violations.size())];
    return plan_violation(number, then, code);
  }
  if (draw(faults.dies_busy)) {
    agenda_.plan(then, {.kind = Kind::dies, .worker = client.worker});
    return plan_end(number, never, V::timed_out, P::written);
  }
  if (process->hangs || is_silent(*process) || draw(faults.hangs)) {
    process->locked = process->locked || draw(faults.locks);
    return plan_end(number, never, V::timed_out, P::written);
  }
  if (draw(faults.partial)) {
    client.progress = P::partial;
    return plan_end(number, never, V::timed_out, P::partial);
  }
  if (draw(faults.late)) {
    client.late_reply = client.deadline + up_to(2 * options_.core.quarantine_grace);
    return plan_end(number, never, V::timed_out, P::written);
  }
  client.late_reply = then;
  // A caller that gives up at once may do so before the first byte.
  if (draw(options_.cancels)) client.progress = P::untouched;
  if (draw(faults.application_error))
    return plan_end(number, then, V::application_error, P::written);
  const bool stray = draw(faults.stray);
  const bool races = draw(options_.races);
  const bool comes_first = races && random_.chance(1, 2);
  if (comes_first) plan_race(number, then);
  plan_end(number, then, V::replied, client.lease ? P::untouched : P::written,
           stray ? ErrorCode::stray_output : ErrorCode::none);
  if (races && !comes_first) plan_race(number, then);
}

// Behind the deadline it is the late reply that violates.
void Simulation::plan_violation(std::uint32_t number, Instant at, ErrorCode code) {
  clients_[number].late_reply = at;
  clients_[number].violates = true;
  plan_end(number, at, ExchangeVerdict::violated, WireProgress::written, code);
}

// At the instant of the end: a cancel; of a lease, its worker's death.
void Simulation::plan_race(std::uint32_t number, Instant at) {
  const Client& client = clients_[number];
  agenda_.plan(std::min(at, client.deadline),
               {.kind = client.lease ? Kind::race_death : Kind::race_cancel,
                .who = number,
                .serial = client.ticket.serial,
                .worker = client.worker});
}

void Simulation::race(const Happening& h) {
  const auto count = [](SimulationReport::Race& race, bool first) {
    ++(first ? race.before : race.after);
  };
  if (h.kind == Kind::race_stop) {
    const Process* process = find(h.worker);
    count(report_.stop_and_start, process != nullptr && !process->ready);
    return stop();
  }
  const Client& client = clients_[h.who];
  const bool still_open = client.open && client.granted && client.ticket.serial == h.serial;
  if (h.kind == Kind::race_cancel) {
    count(report_.cancel_and_reply, still_open);
    return feed(event::CancelRequested{TicketId{h.who, h.serial}});
  }
  count(report_.death_and_lease, still_open);
  die({.kind = Kind::dies, .worker = h.worker});
}

// The driver keeps the deadline, whatever else it waits for.
void Simulation::plan_end(std::uint32_t number, Instant at, ExchangeVerdict verdict,
                          WireProgress progress, ErrorCode code) {
  Client& client = clients_[number];
  Happening end{.kind = Kind::exchange_ends,
                .verdict = verdict,
                .progress = progress,
                .code = code,
                .who = number,
                .serial = client.grants};
  if (at > client.deadline) {
    at = client.deadline;
    end.verdict = ExchangeVerdict::timed_out;
    end.progress = client.progress;
    end.code = ErrorCode::none;
  }
  agenda_.plan(at, end);
}

void Simulation::end_exchange(const Happening& h) {
  Client& client = clients_[h.who];
  if (!client.open || !client.granted || client.grants != h.serial) return;  // it has ended
  const bool worker_spoke = h.verdict == ExchangeVerdict::replied ||
                            h.verdict == ExchangeVerdict::application_error ||
                            h.verdict == ExchangeVerdict::violated;
  Process* process = find(client.worker);
  const bool alive = process != nullptr && process->alive;
  if (worker_spoke && !alive && !client.reply_in_pipe) return;  // it died first: see die()
  if (worker_spoke && alive && frozen_until(*process) > now_) {
    const Instant later = frozen_until(*process) + up_to(news_max);
    note(static_cast<std::uint32_t>(process->fault), PlannedNote::What::acted,
         client.worker.serial);
    client.late_reply = later;
    return plan_end(h.who, later, h.verdict, h.progress, h.code);
  }
  client.granted = false;
  if (alive && !worker_spoke) process->owes = true;
  const bool retryable = h.verdict == ExchangeVerdict::application_error && random_.chance(1, 2);
  const bool callers_fault =
      h.verdict == ExchangeVerdict::application_error && draw(options_.faults.callers_fault);
  // Within what retries may wait, and beyond.
  const Duration retry_after{retryable && random_.chance(1, 3)
                                 ? options_.latency_max.count() / 10 *
                                       static_cast<std::int64_t>(random_.below(60))
                                 : 0};
  const WorkerId worker = client.worker;
  feed(event::ExchangeEnded{client.ticket, h.verdict, h.progress, h.code, retryable, callers_fault,
                            retry_after});
  if (alive && options_.core.retire_memory.on()) measure(worker);
}

// Every third program leaks.
void Simulation::measure(WorkerId worker) {
  Process* process = find(worker);
  if (process == nullptr || !process->alive) return;
  if (worker.serial % 3 == 0) process->rss_kib += 1 + random_.below(64);
  feed(event::WorkerMeasured{worker, process->rss_kib});
}

void Simulation::interrupt(const action::Interrupt& a) {
  const Client& client = clients_[a.ticket.index];
  if (!client.granted || client.ticket != a.ticket) return fail("an interrupt for nobody");
  const Instant soon = now_ + up_to(news_max);
  if (a.reason == InterruptReason::cancelled) {
    plan_end(a.ticket.index, soon, ExchangeVerdict::cancelled, client.progress);
  } else {
    plan_end(a.ticket.index, soon, ExchangeVerdict::lost, WireProgress::written);
  }
}

// The late reply is that of the last one who had the slot.
void Simulation::drain(const action::Drain& a) {
  const Client* last = nullptr;
  for (const Client& client : clients_) {
    if (client.worker != a.worker || client.slot != a.slot || client.grants == 0) continue;
    if (last == nullptr || client.grants > last->grants) last = &client;
  }
  if (last == nullptr || last->late_reply == never) return;
  const Instant at = std::max(now_, last->late_reply);
  const bool violates = last->violates || draw(options_.faults.violates);
  const Kind kind = violates ? Kind::fault : Kind::late_reply;
  agenda_.plan(at, {.kind = kind, .who = a.slot, .worker = a.worker});
}

void Simulation::probe(const action::Probe& a) {
  Process* process = find(a.worker);
  if (process == nullptr || !process->alive || process->hangs || a.again) return;
  if (is_silent(*process)) return;
  process->hangs = draw(options_.faults.hangs_idle);
  if (process->hangs) return;
  const bool slow = draw(options_.faults.slow_ping);
  const bool fails = draw(options_.faults.ping_errors);
  agenda_.plan(now_ + up_to(slow ? 4 * options_.core.health_timeout : news_max),
               {.kind = Kind::ping_answered,
                .code = fails ? ErrorCode::application_error : ErrorCode::none,
                .worker = a.worker});
}

void Simulation::look(const action::Look& a) {
  ++report_.looks;
  agenda_.plan(now_ + up_to(news_max), {.kind = Kind::looked, .worker = a.worker});
}

// Who answers nothing waits for something, but for those in a lock cycle.
void Simulation::see(const Happening& h) {
  Process* process = find(h.worker);
  if (process == nullptr) return;
  const bool frozen = process->alive && frozen_until(*process) > now_;
  event::WorkerLooked looked{.worker = h.worker, .activity = Activity::computes};
  if (frozen) {
    looked.activity = Activity::stopped;
  } else if (process->locked) {
    looked.activity = Activity::locked;
  } else {
    ++process->trace;
    if (random_.chance(1, 2)) looked.activity = Activity::waits;
    looked.beats = random_.chance(7, 8) ? 1 : 0;
    // Each of its threads may wait for another just now, and go on.
    if (draw(options_.faults.locks)) looked.activity = Activity::locked;
  }
  looked.trace = process->trace;
  if (!frozen && draw(options_.faults.reports)) looked.reports = 1;
  feed(looked);
}

void Simulation::dump(const action::DumpStacks& a) {
  ++report_.dumps;
  const Process* process = find(a.worker);
  if (process == nullptr || !process->alive || random_.chance(1, 4)) return;
  agenda_.plan(now_ + up_to(2 * options_.core.stack_grace),
               {.kind = Kind::stacks, .worker = a.worker});
}

void Simulation::leave(WorkerId worker, bool forced) {
  const Process* process = find(worker);
  if (process == nullptr || !process->alive) return;
  if ((process->stubborn || process->hangs) && !forced) return;
  const Instant from = forced ? now_ : frozen_until(*process);
  agenda_.plan(from + up_to(forced ? kill_max : leave_max), {.kind = Kind::dies, .worker = worker});
}

// The process ends. Its host hears of it from two sides, in any order.
void Simulation::die(const Happening& h) {
  Process* process = find(h.worker);
  if (process == nullptr || !process->alive) return;
  process->alive = false;
  --alive_;
  agenda_.plan(now_ + up_to(news_max), {.kind = Kind::exit_noticed, .who = 1, .worker = h.worker});
  for (std::uint32_t number = 0; number < clients_.size(); ++number) {
    Client& client = clients_[number];
    if (!client.open || !client.granted || client.worker != h.worker) continue;
    const Instant then = now_ + up_to(news_max);
    const bool answers = client.late_reply != never && !client.violates;
    client.reply_in_pipe = answers && random_.chance(1, 4);
    if (client.reply_in_pipe) {
      plan_end(number, then, ExchangeVerdict::replied, WireProgress::written);
      continue;
    }
    const bool inside_a_frame = draw(options_.faults.dies_busy);
    plan_end(number, then, ExchangeVerdict::lost, WireProgress::written,
             inside_a_frame ? ErrorCode::truncated_reply : ErrorCode::none);
  }
}

}  // namespace ordeal::trial
