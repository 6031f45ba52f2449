// Time, clients and checks. The workers: workers.cpp.
#include "testing/sim/simulation.hpp"

#include <variant>

#include "pool/core/trace.hpp"

namespace ordeal::trial {

using namespace pool::core;  // NOLINT: this file speaks the core's vocabulary throughout
using pool::ErrorCode;
using Kind = Happening::Kind;

namespace {

// The world's draws and the core's must not be the same numbers.
constexpr std::uint64_t world_salt = 0x5eed;
// A core that asks to be woken at once, again and again, is in a loop.
constexpr std::uint32_t wakes_in_a_row_max = 1000;
// A request of the calm has time enough for any start or back-off that the faults left behind.
constexpr Duration calm_budget = std::chrono::hours{1};
// In the calm so many trials come in this time that a half-open circuit is decided.
constexpr Duration calm_expiry = std::chrono::milliseconds{200};

}  // namespace

Simulation::Simulation(std::uint64_t seed, const SimulationOptions& options)
    : seed_(seed),
      options_(options),
      random_(seed ^ world_salt),
      core_(options.core, seed),
      oracle_(options.core),
      clients_(options.clients),
      last_worker_(options.sessions) {
  report_.seed = seed;
  serials_max_ = options.requests;
  if (options.count_promises) oracle_.count_into(report_.promises);
  if (looks_closely()) core_.set_emit(true);  // some promises are about what it tells
  while (circuits_.size() < options.keys) circuits_.push_back(++last_circuit_);
}

SimulationReport Simulation::run() {
  if (options_.record) {
    write_header(report_.trace, {.options = options_.core, .seed = seed_, .emit = looks_closely()});
  }
  feed(event::Opened{});
  plan_faults();
  for (std::uint32_t client = 0; client < clients_.size(); ++client) {
    agenda_.plan(now_ + up_to(options_.think_max), {.kind = Kind::submit, .who = client});
  }
  while (report_.error.empty() && !over()) step();
  if (report_.error.empty() && core_.poll_timeout()) fail("a stopped pool has timers");
  report_.virtual_time = now_ - Instant{};
  report_.counters = core_.counters();
  report_.affinity = oracle_.seen();
  report_.breakers = oracle_.breaker_visits();
  report_.operations = oracle_.operations();
  return std::move(report_);
}

bool Simulation::over() const { return stopped_ && alive_ == 0; }

bool Simulation::looks_closely() const { return options_.look_closely || options_.count_promises; }

void Simulation::step() {
  const auto timer = core_.poll_timeout();
  const auto next = agenda_.next();
  if (!timer && !next) return fail("deadlock: nothing can happen, and no timer is armed");
  // What comes anyhow may come at the very instant at which a timer is due; but no driver is out of
  // time before it is.
  const bool early = timer && next && *next > *timer && *timer >= now_ && draw(options_.races) &&
                     agenda_.front().verdict != ExchangeVerdict::timed_out;
  if (early) {
    wakes_in_a_row_ = 0;
    now_ = *timer;
    return happen(agenda_.take());
  }
  // Of a timer and a happening at one instant, now this one is first and now that one.
  const bool wake = timer && (!next || *timer < *next || (*timer == *next && random_.chance(1, 2)));
  if (!wake) {
    wakes_in_a_row_ = 0;
    now_ = std::max(now_, *next);
    return happen(agenda_.take());
  }
  if (++wakes_in_a_row_ > wakes_in_a_row_max) return fail("livelock: the core wakes for nothing");
  now_ = std::max(now_, *timer);
  feed(event::TimePassed{});
}

void Simulation::feed(const Event& event) {
  ++report_.events;
  oracle_.before(now_, event);
  core_.handle_event(now_, event);
  if (options_.record) write_event(report_.trace, now_, event);
  while (const auto action = core_.poll_action()) {
    if (options_.record) write_action(report_.trace, *action);
    oracle_.action(*action);
    perform(*action);
  }
  check();
}

void Simulation::check() {
  oracle_.after(core_);
  if (looks_closely()) oracle_.look_at(core_);
  if (!oracle_.error().empty()) fail(oracle_.error());
  if (const char* broken = core_.broken_invariant()) fail(broken);
  const bool open = core_.start_circuit_open();
  if (open && !circuit_was_open_) ++report_.circuit_openings;
  circuit_was_open_ = open;
  report_.states.visit(oracle_.state(open));
}

void Simulation::fail(const std::string& why) {
  if (!report_.error.empty()) return;
  report_.error =
      why + " (seed " + std::to_string(seed_) + ", event " + std::to_string(report_.events) + ")";
}

void Simulation::perform(const Action& action) {
  std::visit(
      [this](const auto& a) {
        using A = std::decay_t<decltype(a)>;
        if constexpr (std::is_same_v<A, action::Spawn>) {
          spawn(a);
        } else if constexpr (std::is_same_v<A, action::Grant>) {
          grant(a);
        } else if constexpr (std::is_same_v<A, action::Resolve>) {
          resolved(a);
        } else if constexpr (std::is_same_v<A, action::Pause>) {
          ++clients_[a.ticket.index].pauses;
          if (draw(options_.races)) {  // given up before it is tried again
            agenda_.plan(now_,
                         {.kind = Kind::cancel, .who = a.ticket.index, .serial = a.ticket.serial});
          }
        } else if constexpr (std::is_same_v<A, action::Interrupt>) {
          interrupt(a);
        } else if constexpr (std::is_same_v<A, action::Drain>) {
          drain(a);
        } else if constexpr (std::is_same_v<A, action::Probe>) {
          probe(a);
        } else if constexpr (std::is_same_v<A, action::Look>) {
          look(a);
        } else if constexpr (std::is_same_v<A, action::DumpStacks>) {
          dump(a);
        } else if constexpr (std::is_same_v<A, action::AskToStop>) {
          leave(a.worker, false);
        } else if constexpr (std::is_same_v<A, action::Kill>) {
          ++report_.kills;
          if (a.reason == KillReason::unhealthy) ++report_.unhealthy_kills;
          if (a.reason == KillReason::stuck) ++report_.stuck_kills;
          leave(a.worker, a.signal == KillSignal::kill);
        } else if constexpr (std::is_same_v<A, action::Stopped>) {
          stopped_ = true;
        } else {
          static_assert(std::is_same_v<A, action::Forget> || std::is_same_v<A, action::Emit> ||
                        std::is_same_v<A, action::ForgetSession> ||
                        std::is_same_v<A, action::Withdraw> || std::is_same_v<A, action::Eject> ||
                        std::is_same_v<A, action::Readmit> ||
                        std::is_same_v<A, action::SettleGeneration>);
        }
      },
      action);
}

void Simulation::happen(const Happening& h) {
  const bool said_by_worker = h.kind == Kind::ready || h.kind == Kind::fault ||
                              h.kind == Kind::late_reply || h.kind == Kind::ping_answered;
  if (said_by_worker && put_off(h, h.worker)) return;
  switch (h.kind) {
    case Kind::submit:
      return submit(h.who);
    case Kind::cancel:
      // Also when it is resolved: a cancel that comes too late is part of life.
      return feed(event::CancelRequested{TicketId{h.who, h.serial}});
    case Kind::exchange_ends:
      return end_exchange(h);
    case Kind::ready:
      if (Process* p = find(h.worker); p != nullptr && p->alive) {
        p->ready = true;
        feed(event::WorkerReady{h.worker, 1 + static_cast<std::uint32_t>(h.worker.serial % 5),
                                h.worker.serial % 2 == 0});
      }
      return;
    case Kind::fault:
      if (Process* p = find(h.worker); p != nullptr && p->alive) {
        feed(event::WorkerFaulted{h.worker, ErrorCode::handshake_failed});
      }
      return;
    case Kind::dies:
      return die(h);
    case Kind::exit_noticed:
      return feed(
          event::WorkerExited{h.worker, h.who != 0, h.who != 0 && h.worker.serial % 3 == 0});
    case Kind::late_reply:
      if (Process* p = find(h.worker); p != nullptr && p->alive) {
        p->owes = false;
        feed(event::LateReplyDrained{h.worker, h.who});
      }
      return;
    case Kind::ping_answered:
      if (Process* p = find(h.worker); p != nullptr && p->alive) {
        feed(event::ProbeEnded{h.worker, h.code});
      }
      return;
    case Kind::looked:
      return see(h);
    case Kind::stacks:
      return feed(event::StacksDumped{h.worker});
    case Kind::resume:
      return feed(event::AdmissionOrdered{Admission::open});
    case Kind::session_ends:
      return feed(event::SessionEnded{h.who});
    case Kind::stop:
      return stop();
    case Kind::stop_again:
      return stop_again();
    case Kind::strike:
      return strike(h.who);
    case Kind::relief:
      return relieve(h.who);
    case Kind::race_cancel:
    case Kind::race_death:
    case Kind::race_stop:
      return race(h);
  }
}

void Simulation::submit(std::uint32_t number) {
  const bool over =
      !calm_ && options_.load_for > Duration{} && now_ - Instant{} >= options_.load_for;
  if (over || last_serial_ >= serials_max_) return go_home();
  if (options_.stop_under_load && last_serial_ == options_.requests / 2) {
    agenda_.plan(now_, {.kind = Kind::stop});
  }
  if (draw(options_.operations)) operate();
  Client& client = clients_[number];
  client = Client{};
  client.ticket = {number, ++last_serial_};
  client.open = true;
  client.deadline = now_ + (calm_ ? calm_budget : up_to(options_.budget_max));
  if (draw(options_.cancels)) {
    const Duration patience = up_to(options_.budget_max);
    agenda_.plan(now_ + patience,
                 {.kind = Kind::cancel, .who = number, .serial = client.ticket.serial});
  }
  client.lease = draw(options_.leases);
  const bool idempotent = draw(options_.idempotents);
  event::Submitted submitted{client.ticket, client.deadline, idempotent, client.lease,
                             draw_policy()};
  draw_session(submitted, client);
  submitted.circuit = draw_circuit();
  feed(submitted);
}

// Sessions go on in the calm, but for those that could be told that their state is lost.
void Simulation::draw_session(event::Submitted& submitted, Client& client) {
  if (options_.sessions == 0 || !random_.chance(options_.in_session, 1000)) return;
  client.session = static_cast<std::uint32_t>(random_.below(options_.sessions));
  submitted.session = client.session;
  submitted.affinity = random_.chance(options_.strict, 1000) ? pool::AffinityPolicy::strict
                                                             : pool::AffinityPolicy::prefer;
  if (draw(options_.stateful)) submitted.state_in_worker = last_worker_[client.session];
}

// What an operator does. Whatever is closed is opened again after a while.
void Simulation::operate() {
  const Duration while_closed = up_to(4 * options_.latency_max);
  const auto choice = random_.below(6);
  const auto who = random_.below(std::max<std::size_t>(processes_.size(), 1));
  switch (choice) {
    case 0:
      return feed(event::ResizeOrdered{static_cast<std::uint32_t>(random_.between(1, 5))});
    case 1:
    case 2:
      agenda_.plan(now_ + while_closed, {.kind = Kind::resume});
      return feed(event::AdmissionOrdered{choice == 1 ? Admission::paused : Admission::draining});
    case 3:
      return feed(event::RollOrdered{++last_generation_});
    default:
      if (who < processes_.size()) feed(event::ReplaceOrdered{processes_[who].id});
      return;
  }
}

// Sometimes a place that is idle goes to another key.
CircuitId Simulation::draw_circuit() {
  if (options_.keys == 0) return {};
  if (draw(options_.orders)) order_circuit();
  const auto index = static_cast<std::uint32_t>(random_.below(options_.keys));
  if (random_.chance(1, 50) && core_.circuit_idle(index, now_)) circuits_[index] = ++last_circuit_;
  return {index, circuits_[index]};
}

void Simulation::order_circuit() {
  const auto index = static_cast<std::uint32_t>(random_.below(options_.keys));
  // Half of them end what the other half began.
  const auto order =
      random_.chance(1, 2) ? CircuitOrder::enable : static_cast<CircuitOrder>(random_.below(6));
  feed(event::CircuitOrdered{CircuitId{index, circuits_[index]}, order});
}

pool::RetryPolicy Simulation::draw_policy() {
  pool::RetryPolicy policy;
  if (!draw(options_.retries)) return policy;
  policy.max_retries = static_cast<std::uint32_t>(random_.between(1, 6));
  policy.backoff = static_cast<pool::Backoff>(random_.below(6));
  policy.jitter_percent = static_cast<std::uint8_t>(random_.between(0, 100));
  policy.base_delay = up_to(options_.latency_max);
  policy.max_delay = up_to(4 * options_.latency_max);
  if (policy.backoff == pool::Backoff::custom) {
    for (auto n = random_.between(1, 4); n > 0; --n) policy.delays.add(up_to(options_.latency_max));
  }
  if (draw(options_.extremes)) {
    policy.base_delay = Duration::max() / random_.between(1, 8);
    policy.max_delay = random_.chance(1, 2) ? Duration::max() : policy.max_delay;
  }
  return policy;
}

// The last client to come home begins what is next.
void Simulation::go_home() {
  if (++clients_at_home_ < clients_.size() || stop_sent_) return;
  calm_ ? stop() : begin_calm();
}

void Simulation::resolved(const action::Resolve& a) {
  Client& client = clients_[a.ticket.index];
  if (!client.open || client.ticket != a.ticket) return fail("an outcome for nobody");
  if (now_ > client.deadline) fail("(53) an outcome behind its deadline");
  // Where the queue is smaller than the crowd, even the calm knows queue_full.
  // So does a queue that stands, a circuit that is tried out, and one to which even the calm is too
  // slow or too quiet.
  const bool fine =
      a.code == ErrorCode::none || a.code == ErrorCode::queue_full ||
      a.code == ErrorCode::concurrency_limited || a.code == ErrorCode::circuit_half_open_limit ||
      a.code == ErrorCode::request_shed ||
      (a.code == ErrorCode::circuit_open && (options_.core.breaker.slow_call > Duration::zero() ||
                                             options_.core.breaker.half_open_expiry < calm_expiry));
  if (calm_ && !stop_sent_ && !fine) {
    fail("a request of the calm fails with " + std::string(to_string(a.code)));
  }
  client.open = false;
  if (client.session != no_session && draw(options_.session_ends)) {
    agenda_.plan(now_, {.kind = Kind::session_ends, .who = client.session});
  }
  if (a.code == ErrorCode::none && client.pauses > 0) ++report_.ok_after_retry;
  ++report_.outcomes[static_cast<std::size_t>(a.code)];
  // Who is turned away comes back later, so that not all requests are spent on a closed door.
  const bool turned_away = a.attempts == 0 && a.code != ErrorCode::none;
  const Duration pause = up_to(turned_away ? 10 * options_.think_max : options_.think_max);
  agenda_.plan(now_ + pause, {.kind = Kind::submit, .who = a.ticket.index});
}

// The faults are over. What they have left behind (open circuits, back-offs, workers that are on
// their way out) must heal by itself.
void Simulation::begin_calm() {
  calm_ = true;
  end_planned_faults();
  clients_at_home_ = 0;
  feed(event::AdmissionOrdered{Admission::open});
  serials_max_ = last_serial_ + options_.calm_requests;
  const Duration circuits_heal = circuits_.empty() ? Duration{} : options_.core.breaker.open_max;
  const Duration heal =
      4 * (options_.core.start_backoff_max + options_.core.start_timeout + options_.start_max +
           options_.core.quarantine_grace + options_.core.health_interval +
           options_.core.health_timeout + circuits_heal);
  // A window over calls forgets the faults only by calls.
  const bool remembers = options_.core.breaker.rule == pool::BreakerRule::call_rate;
  for (std::uint32_t i = 0; i < circuits_.size(); ++i) {
    feed(event::CircuitOrdered{CircuitId{i, circuits_[i]},
                               remembers ? CircuitOrder::reset : CircuitOrder::enable});
  }
  for (std::uint32_t client = 0; client < clients_.size(); ++client) {
    agenda_.plan(now_ + heal + up_to(options_.think_max), {.kind = Kind::submit, .who = client});
  }
}

void Simulation::stop() {
  if (stop_sent_) return;
  stop_sent_ = true;
  using State = pool::core::WorkerState;
  for (const pool::core::WorkerView& worker : core_.workers()) {
    const bool serves = worker.state == State::ready || worker.state == State::busy ||
                        worker.state == State::degraded;
    report_.serving_at_end += serves ? 1 : 0;
  }
  const Duration grace = random_.chance(1, 4) ? Duration{} : up_to(options_.stop_grace_max);
  // While the pool still stops, or there would be nothing to be seen.
  if (options_.stop_again && grace > Duration{}) {
    agenda_.plan(now_ + up_to(grace), {.kind = Kind::stop_again});
  }
  feed(event::StopRequested{grace});
}

void Simulation::stop_again() {
  if (!stopped_) feed(event::StopRequested{up_to(options_.stop_grace_max)});
}

Duration Simulation::up_to(Duration longest) {
  return Duration{random_.between(1, longest.count())};
}

bool Simulation::draw(std::uint32_t parts) {
  return !calm_ && parts != 0 && random_.chance(parts, 1000);
}

}  // namespace ordeal::trial
