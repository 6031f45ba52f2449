// Planned faults at work: whom they strike, and what becomes of exchanges, starts and answers.
#include <algorithm>

#include "testing/sim/simulation.hpp"

namespace ordeal::trial {

using namespace pool::core;  // NOLINT: this file speaks the core's vocabulary throughout
using Kind = Happening::Kind;
using What = PlannedNote::What;
using namespace std::chrono_literals;

namespace {

constexpr Duration terminate_max = 5ms;
// Nobody fits the rule just now: asked again so soon.
constexpr Duration ask_again = 1ms;

bool breaks_starts(PlannedFault::Kind kind) { return kind >= PlannedFault::Kind::fail_starts; }

}  // namespace

void Simulation::plan_faults() {
  struck_.resize(options_.planned.size());
  for (std::uint32_t number = 0; number < options_.planned.size(); ++number) {
    agenda_.plan(now_ + options_.planned[number].at, {.kind = Kind::strike, .who = number});
  }
}

void Simulation::note(std::uint32_t fault, What what, std::uint64_t worker) {
  report_.planned.push_back({now_, fault, what, worker});
}

// The grant of whoever is served by it, 0 if it is idle.
std::uint64_t Simulation::grant_of(const Process& process) const {
  std::uint64_t first = 0;
  for (const Client& client : clients_) {
    if (!client.open || !client.granted || client.worker != process.id) continue;
    if (first == 0 || client.grants < first) first = client.grants;
  }
  return first;
}

std::vector<std::size_t> Simulation::targets_of(const PlannedFault& fault) {
  using Rule = PlannedFault::Rule;
  std::vector<std::size_t> fit;
  for (std::size_t index = 0; index < processes_.size(); ++index) {
    const Process& process = processes_[index];
    if (!process.alive || !process.ready) continue;
    const bool busy = grant_of(process) != 0;
    if ((fault.rule == Rule::busiest && !busy) || (fault.rule == Rule::idle && busy)) continue;
    fit.push_back(index);
  }
  if (fit.empty() || fault.rule == Rule::all) return fit;
  if (fault.rule == Rule::busiest || fault.rule == Rule::oldest) {
    const auto rank = [&](std::size_t index) {
      return fault.rule == Rule::busiest ? grant_of(processes_[index])
                                         : processes_[index].id.serial;
    };
    return {*std::min_element(fit.begin(), fit.end(),
                              [&](auto a, auto b) { return rank(a) < rank(b); })};
  }
  std::size_t wanted = fault.rule == Rule::idle ? 1 : fault.workers;
  if (fault.rule == Rule::share) {
    wanted = std::max<std::size_t>(1, fit.size() * fault.workers / 100);
  }
  std::vector<std::size_t> chosen;
  while (chosen.size() < wanted && !fit.empty()) {
    const auto at = static_cast<std::ptrdiff_t>(random_.below(fit.size()));
    chosen.push_back(fit[static_cast<std::size_t>(at)]);
    fit.erase(fit.begin() + at);
  }
  return chosen;
}

bool Simulation::may_strike(std::uint32_t number) const {
  if (!options_.planned[number].when_whole) return true;
  for (std::uint32_t before = 0; before < number; ++before) {
    if (options_.planned[before].when_whole && !struck_[before]) return false;
  }
  const auto ready = std::count_if(processes_.begin(), processes_.end(),
                                   [](const Process& p) { return p.alive && p.ready && !p.owes; });
  return planned_active_ == 0 && ready >= static_cast<std::ptrdiff_t>(options_.core.size);
}

void Simulation::strike(std::uint32_t number) {
  using K = PlannedFault::Kind;
  if (calm_ || stop_sent_) return;
  const PlannedFault& fault = options_.planned[number];
  const auto targets = may_strike(number) ? targets_of(fault) : std::vector<std::size_t>{};
  if (targets.empty()) {
    return agenda_.plan(now_ + ask_again, {.kind = Kind::strike, .who = number});
  }
  if (breaks_starts(fault.kind)) {
    starts_fault_ = number;
    starts_left_ = fault.count;
  }
  for (const std::size_t index : targets) {
    Process& process = processes_[index];
    note(number, What::injected, process.id.serial);
    if (fault.kind == K::kill || breaks_starts(fault.kind)) {
      die({.kind = Kind::dies, .worker = process.id});
    } else if (fault.kind == K::terminate) {
      agenda_.plan(now_ + up_to(terminate_max), {.kind = Kind::dies, .worker = process.id});
    } else {
      process.fault = static_cast<std::int32_t>(number);
      process.fault_left = fault.count;
      process.fault_began = now_;
    }
  }
  struck_[number] = true;
  ++planned_active_;
  agenda_.plan(now_ + fault.duration, {.kind = Kind::relief, .who = number});
}

void Simulation::relieve(std::uint32_t number) {
  for (Process& process : processes_) {
    if (process.fault == static_cast<std::int32_t>(number)) process.fault = no_fault;
  }
  if (starts_fault_ == number) starts_left_ = 0;
  --planned_active_;
  note(number, What::undone, 0);
}

// The instant until which this process stands still; now_ if it does not.
Instant Simulation::frozen_until(const Process& process) const {
  if (process.fault == no_fault) return now_;
  const PlannedFault& fault = options_.planned[static_cast<std::size_t>(process.fault)];
  if (fault.kind != PlannedFault::Kind::freeze) return now_;
  const Instant end = process.fault_began + fault.duration;
  if (fault.pause == Duration{} || now_ >= end) return std::max(now_, end);
  const Duration cycle = fault.amount + fault.pause;
  const Duration since = (now_ - process.fault_began) % cycle;
  return since < fault.amount ? std::min(end, now_ + (fault.amount - since)) : now_;
}

// What a frozen worker would have said it says when it goes on.
bool Simulation::put_off(const Happening& h, WorkerId worker) {
  Process* process = find(worker);
  if (process == nullptr || !process->alive) return false;
  const Instant until = frozen_until(*process);
  if (until <= now_) return false;
  note(static_cast<std::uint32_t>(process->fault), What::acted, worker.serial);
  agenda_.plan(until, h);
  return true;
}

bool Simulation::is_silent(Process& process) {
  if (process.fault == no_fault) return false;
  const auto number = static_cast<std::uint32_t>(process.fault);
  if (options_.planned[number].kind != PlannedFault::Kind::silence) return false;
  note(number, What::acted, process.id.serial);
  process.owes = true;
  return true;
}

// What a planned fault does to the exchange that begins. False: nothing.
bool Simulation::damage(std::uint32_t number, Process& process, Instant then) {
  using K = PlannedFault::Kind;
  using V = ExchangeVerdict;
  using P = WireProgress;
  if (process.fault == no_fault) return false;
  const auto fault_number = static_cast<std::uint32_t>(process.fault);
  const PlannedFault& fault = options_.planned[fault_number];
  const bool of_replies = fault.kind >= K::drop && fault.kind <= K::truncate;
  if (!of_replies || process.fault_left == 0) return false;
  --process.fault_left;
  note(fault_number, What::acted, process.id.serial);
  switch (fault.kind) {
    case K::drop:
      process.owes = true;
      plan_end(number, never, V::timed_out, P::written);
      return true;
    case K::violate:
      plan_violation(number, then, fault.code);
      return true;
    case K::truncate:
      agenda_.plan(then, {.kind = Kind::dies, .worker = process.id});
      plan_end(number, never, V::timed_out, P::written);
      return true;
    case K::delay:
      clients_[number].late_reply = then + fault.amount;
      plan_end(number, then + fault.amount, V::replied, P::written);
      return true;
    case K::stray:
      clients_[number].late_reply = then;
      plan_end(number, then, V::replied, P::written, pool::ErrorCode::stray_output);
      return true;
    default:
      return false;
  }
}

// What a planned fault does to a start. False: nothing.
bool Simulation::spoil_start(const Process& process, Instant then) {
  using K = PlannedFault::Kind;
  if (starts_left_ == 0 || calm_) return false;
  --starts_left_;
  note(starts_fault_, What::acted, process.id.serial);
  const PlannedFault& fault = options_.planned[starts_fault_];
  switch (fault.kind) {
    case K::fail_starts:
      agenda_.plan(then, {.kind = Kind::dies, .worker = process.id});
      return true;
    case K::slow_starts:
      agenda_.plan(then + fault.amount, {.kind = Kind::ready, .worker = process.id});
      return true;
    case K::garble_starts:
      agenda_.plan(then, {.kind = Kind::fault, .worker = process.id});
      return true;
    default:  // hang_starts
      return true;
  }
}

void Simulation::end_planned_faults() {
  for (Process& process : processes_) process.fault = no_fault;
  starts_left_ = 0;
}

}  // namespace ordeal::trial
