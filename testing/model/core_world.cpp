#include "testing/model/core_world.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace ordeal::trial {

using namespace pool::core;  // NOLINT: this file speaks the core's vocabulary throughout
using pool::ErrorCode;
using namespace std::chrono_literals;

CoreWorld::CoreWorld(const CoreOptions& options, std::uint64_t seed)
    : core_(options, seed), oracle_(options) {
  core_.set_emit(true);
  feed(event::Opened{});
}

void CoreWorld::feed(const Event& event) {
  if (!error_.empty()) return;
  oracle_.before(now_, event);
  core_.handle_event(now_, event);
  while (const auto action = core_.poll_action()) {
    oracle_.action(*action);
    note(*action);
  }
  oracle_.after(core_);
  const char* broken = core_.broken_invariant();
  if (broken == nullptr && oracle_.error().empty()) return;
  error_ = (broken != nullptr ? broken : oracle_.error()) + std::string(", after event ");
  error_ += std::visit([](const auto& e) { return std::string(e.name); }, event);
}

void CoreWorld::note(const Action& action) {
  if (const auto* spawn = std::get_if<action::Spawn>(&action)) {
    starting_.push_back(spawn->worker);
    processes_.push_back(spawn->worker);
  } else if (const auto* grant = std::get_if<action::Grant>(&action)) {
    granted_.push_back({grant->ticket, grant->worker});
    const std::uint32_t session = session_of_[grant->ticket.index];
    if (session != no_session) last_worker_[session] = grant->worker.serial;
    visits_.hits += grant->affinity == pool::AffinityOutcome::hit;
    visits_.rebinds += grant->affinity == pool::AffinityOutcome::rebound;
    ++visits_.grants;
  } else if (const auto* resolve = std::get_if<action::Resolve>(&action)) {
    std::erase(open_, resolve->ticket);
    free_indexes_.push_back(resolve->ticket.index);
    if (resolve->code == ErrorCode::queue_full) ++visits_.queue_full;
    if (resolve->code == ErrorCode::poisoned_request) ++visits_.poisoned;
    if (resolve->code == ErrorCode::none && resolve->attempts > 1) ++visits_.ok_after_retry;
  } else if (std::holds_alternative<action::Pause>(action)) {
    ++visits_.pauses;
  } else if (const auto* drain = std::get_if<action::Drain>(&action)) {
    dirty_.push_back({drain->worker, drain->slot});
    ++visits_.drains;
  } else if (const auto* probe = std::get_if<action::Probe>(&action)) {
    if (!probe->again) pinged_.push_back(probe->worker);
    ++visits_.probes;
  } else if (const auto* look = std::get_if<action::Look>(&action)) {
    looked_at_.push_back(look->worker);
    ++visits_.looks;
  } else if (const auto* dump = std::get_if<action::DumpStacks>(&action)) {
    dumping_.push_back(dump->worker);
    ++visits_.dumps;
  } else if (const auto* kill = std::get_if<action::Kill>(&action)) {
    dying_.push_back(kill->worker);
    ++visits_.kills;
    if (kill->reason == KillReason::unhealthy) ++visits_.replaced;
    if (kill->reason == KillReason::stuck) ++visits_.stuck_kills;
  } else if (const auto* ask = std::get_if<action::AskToStop>(&action)) {
    dying_.push_back(ask->worker);
    ++visits_.asks;
  } else if (std::holds_alternative<action::Interrupt>(action)) {
    ++visits_.interrupts;
  } else if (const auto* emit = std::get_if<action::Emit>(&action)) {
    if (emit->what == Occurrence::request_requeued) ++visits_.requeues;
    if (emit->what == Occurrence::start_circuit_opened) ++visits_.circuit_opened;
    if (emit->what == Occurrence::pool_stopped) ++visits_.stops;
    if (emit->what == Occurrence::worker_unhealthy) ++visits_.unhealthy;
    if (emit->what == Occurrence::worker_recovered) ++visits_.recovered;
    if (emit->what == Occurrence::worker_stuck) ++visits_.stuck;
    if (emit->what == Occurrence::worker_ejected) ++visits_.ejections;
    if (emit->what == Occurrence::start_extended) ++visits_.extensions;
  }
}

void CoreWorld::step(const CoreStep& step) {
  // How often each happens: enough starts succeed, and enough processes that are to go do, for the
  // walk to get somewhere.
  const std::uint32_t what = step.what % step_kinds;
  if (what < 7) return submit(step);
  if (what < 15) return end_exchange(step);
  if (what < 16) {
    if (!open_.empty()) feed(event::CancelRequested{open_[step.who % open_.size()]});
    return;
  }
  if (what < 21) return start_succeeds(step);
  if (what < 22) {  // one dies, whatever it was doing
    if (!processes_.empty()) exit(step.who % processes_.size());
    return;
  }
  if (what < 25) return leaver_leaves(step);
  if (what < 27) return late_reply_comes(step);
  if (what < 28) return fault(step);
  if (what < 31) return pass_time(step, what != 28);
  if (what < 33) return ping_is_answered(step);
  if (what < 34) return order_circuit(step);
  if (what < 37) return operate(step);
  if (what < 40) return look(step);
  // Rare, and sometimes twice.
  if (step.who % 8 == 0) feed(event::StopRequested{Duration{2s} * (step.how % 4)});
}

// Sometimes a place that is idle goes to another key.
CircuitId CoreWorld::circuit(std::uint32_t choice) {
  const std::uint32_t index = choice % 2;
  if (choice % 8 == 7 && core_.circuit_idle(index, now_)) circuits_[index] = ++last_circuit_;
  return {index, circuits_[index]};
}

void CoreWorld::order_circuit(const CoreStep& step) {
  // Half of them end what the other half began.
  static constexpr std::array<CircuitOrder, 8> orders{
      CircuitOrder::force_open, CircuitOrder::disable, CircuitOrder::observe, CircuitOrder::reset,
      CircuitOrder::enable,     CircuitOrder::enable,  CircuitOrder::enable,  CircuitOrder::trip};
  feed(event::CircuitOrdered{circuit(step.who), orders[step.how % orders.size()]});
}

// What operators order; and memory that only grows.
void CoreWorld::operate(const CoreStep& step) {
  switch (step.how % 8) {
    case 0:
      return feed(event::ResizeOrdered{1 + step.who % 4});
    case 1:
    case 2:
      if (!processes_.empty())
        feed(event::ReplaceOrdered{processes_[step.who % processes_.size()]});
      return;
    case 3:
      return feed(event::AdmissionOrdered{static_cast<Admission>(step.who % 3)});
    case 4:
      return feed(event::AdmissionOrdered{Admission::open});
    case 5:
      return feed(event::RollOrdered{++last_generation_});
    default:
      rss_kib_ += 1 + step.who;
      for (const WorkerId worker : std::vector<WorkerId>{processes_}) {
        feed(event::WorkerMeasured{worker, rss_kib_});
      }
  }
}

void CoreWorld::submit(const CoreStep& step) {
  static constexpr std::array<Duration, 5> budgets{0ns, 1ms, 700ms, 5s, 1min};
  TicketId ticket{indexes_, ++last_serial_};
  if (free_indexes_.empty()) {
    ++indexes_;
  } else {
    ticket.index = free_indexes_.back();
    free_indexes_.pop_back();
  }
  const Instant deadline =
      step.who % 6 == 5 ? never : after(now_, budgets[step.who % budgets.size()]);
  open_.push_back(ticket);
  event::Submitted submitted{ticket, deadline, step.how % 2 == 0, step.how % 5 == 0, {}};
  if (step.who % 4 != 3) submitted.circuit = circuit(step.how / 3);
  static constexpr std::array<Duration, 4> delays{0ns, 1us, 20ms, 2s};
  // Whoever drives the core may be late to wake it.
  if (step.how % 7 == 0) now_ += 30ms;
  submitted.retry = {.max_retries = step.how / 5 % 4,
                     .backoff = static_cast<pool::Backoff>(step.how % 6),
                     .jitter_percent = static_cast<std::uint8_t>(step.who % 3 * 50),
                     .delays = {delays[step.who % 4], delays[step.how % 4]},
                     .base_delay = delays[step.who / 3 % delays.size()],
                     .max_delay = delays[step.how / 20 % delays.size()]};
  join_session(step, submitted);
  if (ticket.index >= session_of_.size()) session_of_.resize(ticket.index + std::size_t{1});
  session_of_[ticket.index] = submitted.session;
  feed(submitted);
}

void CoreWorld::join_session(const CoreStep& step, event::Submitted& submitted) const {
  const std::uint32_t session = (step.how + step.who) % 4;
  if (session < last_worker_.size()) {
    submitted.session = session;
    submitted.affinity =
        step.how / 7 % 2 == 0 ? pool::AffinityPolicy::strict : pool::AffinityPolicy::prefer;
    if (step.who % 9 == 0) submitted.state_in_worker = last_worker_[session];
  }
}

void CoreWorld::end_exchange(const CoreStep& step) {
  if (granted_.empty()) return;
  const auto at = granted_.begin() + static_cast<std::ptrdiff_t>(step.who % granted_.size());
  const TicketId ticket = at->ticket;
  granted_.erase(at);
  event::ExchangeEnded end{ticket};
  // Half of them are plain replies.
  if (step.how % 2 == 1) {
    end.verdict = static_cast<ExchangeVerdict>((step.how / 2) % 6);
    end.progress = static_cast<WireProgress>((step.how / 12) % 3);
    if (end.verdict == ExchangeVerdict::violated) end.code = ErrorCode::malformed_reply;
    if (end.verdict <= ExchangeVerdict::application_error) {
      end.progress = WireProgress::written;
      if ((step.how / 36) % 3 == 0) end.code = ErrorCode::stray_output;
      end.callers_fault = step.how / 12 % 3 == 2;
      end.retryable = end.verdict == ExchangeVerdict::application_error && step.how / 12 % 2 == 0;
      static constexpr std::array<Duration, 4> hints{0ns, 0ns, 20ms, 3s};
      if (end.retryable) end.retry_after = hints[step.who % hints.size()];
    }
    if (end.verdict == ExchangeVerdict::lost && (step.how / 36) % 2 == 0) {
      end.code = ErrorCode::truncated_reply;
    }
  }
  feed(end);
}

void CoreWorld::exit(std::size_t position) {
  const WorkerId worker = processes_[position];
  const bool spawned = std::find(starting_.begin(), starting_.end(), worker) == starting_.end() ||
                       worker.serial % 2 == 0;
  processes_.erase(processes_.begin() + static_cast<std::ptrdiff_t>(position));
  std::erase(starting_, worker);
  std::erase(dying_, worker);
  std::erase(pinged_, worker);
  std::erase(looked_at_, worker);
  std::erase(dumping_, worker);
  std::erase_if(dirty_, [&](const Dirty& d) { return d.worker == worker; });
  gone_.push_back(worker);
  feed(event::WorkerExited{worker, spawned, spawned && worker.serial % 3 == 0});
}

void CoreWorld::start_succeeds(const CoreStep& step) {
  if (starting_.empty()) return;
  const WorkerId worker = starting_[step.who % starting_.size()];
  std::erase(starting_, worker);
  feed(event::WorkerReady{worker, 1 + step.how % 5, step.how / 5 % 2 == 0});
}

void CoreWorld::leaver_leaves(const CoreStep& step) {
  if (dying_.empty()) return;
  const WorkerId worker = dying_[step.who % dying_.size()];
  const auto at = std::find(processes_.begin(), processes_.end(), worker);
  if (at != processes_.end()) exit(static_cast<std::size_t>(at - processes_.begin()));
}

void CoreWorld::late_reply_comes(const CoreStep& step) {
  if (dirty_.empty()) return;
  const auto at = dirty_.begin() + static_cast<std::ptrdiff_t>(step.who % dirty_.size());
  const Dirty dirty = *at;
  dirty_.erase(at);
  feed(event::LateReplyDrained{dirty.worker, dirty.slot});
}

void CoreWorld::ping_is_answered(const CoreStep& step) {
  if (pinged_.empty()) return;
  const WorkerId worker = pinged_[step.who % pinged_.size()];
  std::erase(pinged_, worker);
  feed(event::ProbeEnded{worker,
                         step.how % 4 == 1 ? ErrorCode::application_error : ErrorCode::none});
}

// Few kinds of signs, so that two in a row are often alike.
void CoreWorld::look(const CoreStep& step) {
  if (!dumping_.empty() && step.how % 2 == 0) {
    const WorkerId worker = dumping_[step.who % dumping_.size()];
    std::erase(dumping_, worker);
    return feed(event::StacksDumped{worker});
  }
  static constexpr std::array<Activity, 5> activities{
      Activity::locked, Activity::locked, Activity::stopped, Activity::waits, Activity::computes};
  const auto answer_all = [&] {
    for (const WorkerId worker : std::exchange(looked_at_, {})) {
      feed(event::WorkerLooked{.worker = worker,
                               .activity = activities[step.how / 2 % 5],
                               .trace = step.how / 10 % 3 == 2 ? 1U : 0U,
                               .reports = step.how / 30 % 3 == 2 ? 1U : 0U,
                               .beats = step.how / 90 % 2});
    }
  };
  answer_all();
  if (granted_.empty()) return;
  for (int i = 0; i < 2; ++i) {  // another look at the same request, if it is in hand by then
    pass_time({.how = 2}, false);
    answer_all();
  }
}

// A fault, or old news of a worker that is gone.
void CoreWorld::fault(const CoreStep& step) {
  if (step.how % 5 == 1) {
    return feed(event::SessionEnded{static_cast<std::uint32_t>(step.who % last_worker_.size())});
  }
  if (step.how % 3 == 0 && !gone_.empty()) {
    const WorkerId worker = gone_[step.who % gone_.size()];
    feed(event::WorkerReady{worker, 1});
    feed(event::WorkerExited{worker, true});
    feed(event::ProbeEnded{worker, ErrorCode::none});
    return feed(event::LateReplyDrained{worker, step.how % 4});
  }
  if (processes_.empty()) return;
  feed(event::WorkerFaulted{processes_[step.who % processes_.size()], ErrorCode::handshake_failed});
}

void CoreWorld::pass_time(const CoreStep& step, bool to_next_timer) {
  static constexpr std::array<Duration, 4> pauses{1us, 50ms, 600ms, 3s};
  Instant until = now_ + pauses[step.how % pauses.size()];
  const auto next = core_.poll_timeout();
  if (to_next_timer && next) until = std::max(now_, *next);
  // Whoever drives a core wakes it when it asks to be woken.
  for (auto due = core_.poll_timeout(); due && *due < until; due = core_.poll_timeout()) {
    now_ = std::max(now_, *due);
    feed(event::TimePassed{});
    if (!error_.empty()) return;
  }
  now_ = until;
  feed(event::TimePassed{});
}

// One sensible thing, if there is one to be done without moving time.
bool CoreWorld::finish_one() {
  if (!dying_.empty()) {
    const auto at = std::find(processes_.begin(), processes_.end(), dying_.front());
    if (at == processes_.end()) {
      dying_.erase(dying_.begin());
    } else {
      exit(static_cast<std::size_t>(at - processes_.begin()));
    }
  } else if (!starting_.empty()) {
    start_succeeds({});
  } else if (!dirty_.empty()) {
    late_reply_comes({});
  } else if (!pinged_.empty()) {
    ping_is_answered({});
  } else if (!looked_at_.empty()) {
    look({});
  } else if (!granted_.empty()) {
    end_exchange({});
  } else {
    return false;
  }
  return true;
}

void CoreWorld::finish() {
  constexpr int steps_max = 10000;  // far more than a walk leaves to be done
  feed(event::AdmissionOrdered{Admission::open});
  for (int i = 0; i < steps_max && error_.empty() && !open_.empty(); ++i) {
    if (finish_one()) continue;
    if (!core_.poll_timeout()) error_ = "deadlock: tickets are open, and nothing can happen";
    pass_time({}, true);
  }
  if (error_.empty() && !open_.empty())
    error_ = "tickets stay open although nothing fails any more";
  feed(event::StopRequested{1s});
  for (int i = 0; i < steps_max && error_.empty() && !oracle_.stopped(); ++i) {
    if (finish_one()) continue;
    if (!core_.poll_timeout()) error_ = "deadlock: the stop does not end";
    pass_time({}, true);
  }
  if (error_.empty() && !oracle_.stopped()) error_ = "the stop does not end";
  if (error_.empty() && core_.poll_timeout()) error_ = "a stopped pool has timers";
}

}  // namespace ordeal::trial
