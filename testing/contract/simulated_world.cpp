// The pool's side of the simulation, and time. The workers' side: simulated_workers.cpp.
#include "testing/contract/simulated_world.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "pool/core/names.hpp"
#include "pool/options/core_options.hpp"
#include "testing/contract/reference_pool.hpp"
#include "testing/contract/simulation_of_pool.hpp"

namespace ordeal::trial {

using namespace pool::core;  // NOLINT: this file speaks the core's vocabulary throughout
using pool::ErrorCode;

World simulated_world() {
  const auto both = std::make_shared<SimulationOfPool>();
  return {.stage = both, .pool = both};
}

std::vector<Capability> SimulationOfPool::capabilities() const {
  std::vector<Capability> all = all_capabilities();
  std::erase(all, Capability::programs);
  return all;
}

std::string SimulationOfPool::start(const Setup& setup, OnTold on_told) {
  setup_ = setup;
  on_told_ = std::move(on_told);
  const pool::Options whole = pool::with_defaults(with_setup({}, setup));
  frame_bytes_max_ = static_cast<std::uint32_t>(whole.frame_bytes_max);
  const CoreOptions options = pool::to_core_options(whole);
  core_ = std::make_unique<Core>(options, 1);
  core_->set_emit(true);
  oracle_ = std::make_unique<CoreOracle>(options);
  feed(event::Opened{});
  const auto are_ready = [&] {
    return std::count_if(processes_.begin(), processes_.end(),
                         [](const auto& process) { return process.second.ready; }) >= setup_.size;
  };
  while (setup_.starts.how == Starts::How::fine && !are_ready() && step(now_ + ample)) {
  }
  return {};
}

std::uint64_t SimulationOfPool::submit(const TrialRequest& asked, OnOutcome on_outcome) {
  if (!nlohmann::json::parse(asked.arguments, nullptr, false).is_object()) {
    TrialOutcome refused = failed_with(ErrorCode::invalid_arguments, "no JSON object");
    refused.attempts = 0;
    on_outcome(std::move(refused));
    return 0;
  }
  const std::size_t index = requests_.size();
  Request& request = requests_.emplace_back();
  request.id = {.index = static_cast<std::uint32_t>(index), .serial = index + 1};
  request.asked = asked;
  request.on_outcome = std::move(on_outcome);
  request.deadline = now_ + asked.deadline;
  event::Submitted submitted{.ticket = request.id,
                             .deadline = request.deadline,
                             .idempotent = asked.idempotent,
                             .circuit = circuit_of(asked.breaker_key)};
  if (asked.retries > 0) submitted.retry = policy_of(asked);
  if (!asked.session.empty() && asked.affinity != pool::AffinityPolicy::none) {
    submitted.session = session_number(asked.session);
    submitted.affinity = asked.affinity;
    submitted.state_in_worker = asked.state_in_worker;
  }
  feed(submitted);
  return request.id.serial;
}

void SimulationOfPool::cancel(std::uint64_t ticket) {
  if (ticket != 0) feed(event::CancelRequested{requests_.at(ticket - 1).id});
}

void SimulationOfPool::stop(milliseconds grace, std::function<void()> stopped) {
  stopped_ = std::move(stopped);
  feed(event::StopRequested{grace});
}

std::optional<TrialCounts> SimulationOfPool::counts() {
  const Counters& c = core_->counters();
  return TrialCounts{.submitted = c.submitted,
                     .ok = c.ok,
                     .timed_out = c.timed_out,
                     .rejected = c.rejected,
                     .cancelled = c.cancelled,
                     .failed = c.failed,
                     .retries = c.retries,
                     .workers_lost = c.workers_lost,
                     .late_replies_drained = c.late_replies_drained};
}

std::uint32_t SimulationOfPool::session_number(const std::string& name) {
  return sessions_.try_emplace(name, static_cast<std::uint32_t>(sessions_.size())).first->second;
}

CircuitId SimulationOfPool::circuit_of(const std::string& key) {
  if (key.empty() || !setup_.breaker) return {};
  const auto place = static_cast<std::uint32_t>(circuits_.size());
  const std::uint32_t index = circuits_.try_emplace(key, place).first->second;
  return {.index = index, .serial = index + std::uint64_t{1}};
}

// --- Time.

void SimulationOfPool::plan(Duration from_now, std::function<void()> what) {
  agenda_.emplace(std::pair{now_ + from_now, ++planned_}, std::move(what));
}

// Does what is next, unless that is behind the deadline: then time goes on to it, and false.
bool SimulationOfPool::step(Instant deadline) {
  if (!broken_.empty()) return false;  // what a broken core does next may have no end
  const auto timer = core_->poll_timeout();
  const bool wake = timer && (agenda_.empty() || *timer < agenda_.begin()->first.first);
  const Instant at = wake              ? *timer
                     : agenda_.empty() ? pool::core::never
                                       : agenda_.begin()->first.first;
  if (at > deadline) {
    now_ = deadline;
    return false;
  }
  now_ = std::max(now_, at);
  if (wake) {
    feed(event::TimePassed{});
  } else {
    const auto what = std::move(agenda_.begin()->second);
    agenda_.erase(agenda_.begin());
    what();
  }
  return true;
}

std::optional<News> SimulationOfPool::next(milliseconds patience) {
  const Instant deadline = now_ + patience;
  while (mailbox_.empty()) {
    if (!step(deadline)) return std::nullopt;
  }
  News news = std::move(mailbox_.front());
  mailbox_.pop_front();
  return news;
}

void SimulationOfPool::reach(milliseconds from_now) {
  const Instant deadline = now_ + from_now;
  while (step(deadline)) {
  }
}

// --- The core.

void SimulationOfPool::feed(const Event& event) {
  oracle_->before(now_, event);
  core_->handle_event(now_, event);
  while (const auto action = core_->poll_action()) {
    oracle_->action(*action);
    perform(*action);
  }
  oracle_->after(*core_);
  const char* invariant = core_->broken_invariant();
  if (!broken_.empty()) return;
  broken_ = !oracle_->error().empty() ? oracle_->error() : invariant != nullptr ? invariant : "";
}

void SimulationOfPool::perform(const Action& action) {
  std::visit(
      [this](const auto& a) {
        using A = std::decay_t<decltype(a)>;
        if constexpr (std::is_same_v<A, action::Spawn>) {
          spawn(a.worker);
        } else if constexpr (std::is_same_v<A, action::Grant>) {
          grant(a);
        } else if constexpr (std::is_same_v<A, action::Resolve>) {
          resolve(a);
        } else if constexpr (std::is_same_v<A, action::Interrupt>) {
          interrupt(a);
        } else if constexpr (std::is_same_v<A, action::Drain>) {
          drain(a.worker);
        } else if constexpr (std::is_same_v<A, action::Probe>) {
          if (!a.again) plan({}, [this, a] { feed(event::ProbeEnded{.worker = a.worker}); });
        } else if constexpr (std::is_same_v<A, action::Look>) {
          plan({}, [this, a] { feed(event::WorkerLooked{.worker = a.worker}); });
        } else if constexpr (std::is_same_v<A, action::DumpStacks>) {
          plan({}, [this, a] { feed(event::StacksDumped{.worker = a.worker}); });
        } else if constexpr (std::is_same_v<A, action::AskToStop>) {
          leave(a.worker, true, false);
        } else if constexpr (std::is_same_v<A, action::Kill>) {
          leave(a.worker, false, a.signal == KillSignal::kill);
        } else if constexpr (std::is_same_v<A, action::Emit>) {
          tell(a);
        } else if constexpr (std::is_same_v<A, action::Stopped>) {
          stopped_();
        }
      },
      action);
}

void SimulationOfPool::tell(const action::Emit& emitted) const {
  if (!emitted.ticket) return;
  on_told_(std::string{pool::core::name_of(emitted.what)},
           requests_.at(emitted.ticket.index).asked.name);
}

void SimulationOfPool::resolve(const action::Resolve& resolved) {
  Request& request = requests_.at(resolved.ticket.index);
  TrialOutcome outcome;
  if (resolved.code == ErrorCode::none) {
    outcome.reply = request.reply;
  } else {
    outcome = failed_with(resolved.code, "simulated");
    outcome.indeterminate =
        pool::certainty_of(resolved.code, resolved.maybe_ran) == pool::Certainty::indeterminate;
  }
  outcome.attempts = resolved.attempts;
  outcome.worker = resolved.worker.serial;
  request.on_outcome(std::move(outcome));
}

}  // namespace ordeal::trial
