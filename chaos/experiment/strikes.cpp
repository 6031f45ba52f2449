#include "chaos/experiment/strikes.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "chaos/faults/process_look.hpp"

namespace ordeal::chaos {
namespace {

using State = Strike::State;

constexpr milliseconds look_every{5};  // at what no event tells of: /proc, counters

bool has(TimePoint at) { return at != TimePoint{}; }

double milliseconds_between(TimePoint from, TimePoint to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

// Children of ours that are neither worker nor template nor warden: spares.
std::vector<WorkerId> spares_of(const pool::Status& status, const std::vector<int>& struck) {
  std::set<int> known{status.warden_pid, status.fork_template.pid};
  for (const pool::WorkerStatus& worker : status.workers) known.insert(worker.pid);
  std::vector<WorkerId> spares;
  for (const ProcessSeen& child : children_of_this_process()) {
    const bool before = std::find(struck.begin(), struck.end(), child.pid) != struck.end();
    if (!known.contains(child.pid) && child.state != 'Z' && !before) {
      spares.push_back({0, child.pid});
    }
  }
  return spares;
}

}  // namespace

std::vector<WorkerId> Strikes::targets_of(const FaultEntry& entry, const pool::Status& status) {
  switch (entry.kind->aim) {
    case Aim::worker:
    case Aim::starts: {
      // Whom another fault has just ended is no target, though the pool may not know it yet.
      pool::Status alive = status;
      std::erase_if(alive.workers,
                    [this](const pool::WorkerStatus& worker) { return struck_to_end(worker); });
      return choose(entry.target, alive, site_.random);
    }
    case Aim::fork_template:
      if (status.fork_template.state != "ready") return {};
      return {{0, status.fork_template.pid}};
    case Aim::warden:
      return status.warden_pid == 0 ? std::vector<WorkerId>{}
                                    : std::vector<WorkerId>{{0, status.warden_pid}};
    case Aim::spare: {
      auto spares = spares_of(status, site_.burnt_pids);
      if (spares.size() > 1) spares.resize(1);
      return spares;
    }
    case Aim::host:
    case Aim::store:
    case Aim::model:
      return {{0, getpid()}};
  }
  return {};
}

bool Strikes::struck_to_end(const pool::WorkerStatus& worker) const {
  const bool struck = std::any_of(strikes_.begin(), strikes_.end(), [&](const Strike& strike) {
    return strike.id.worker == worker.worker && strike.kind->kills &&
           (strike.was_proved || strike.state == State::injected);
  });
  return struck || !HeldProcess::hold(worker.pid);
}

bool Strikes::fire(const Shot& shot) {
  const FaultEntry& entry = plan_.faults[shot.entry];
  const std::vector<WorkerId> targets = targets_of(entry, site_.status());
  TimePoint due = time_now();
  for (const WorkerId& id : targets) {
    select(shot.entry, id);
    due += entry.stagger;
    if (strikes_.back().state != State::selected) continue;
    if (&id == &targets.front() || entry.stagger.count() == 0) {
      inject(strikes_.back());
    } else {
      staggered_.push_back({due - entry.stagger, strikes_.size() - 1});
    }
  }
  return !targets.empty();
}

void Strikes::select(std::size_t number, const WorkerId& id) {
  const FaultEntry& entry = plan_.faults[number];
  Strike& strike = strikes_.emplace_back();
  strike.kind = entry.kind;
  strike.entry = static_cast<std::uint32_t>(number);
  strike.number = static_cast<std::uint32_t>(strikes_.size());
  strike.values = entry.values;
  const bool by_rule = entry.kind->aim == Aim::worker || entry.kind->aim == Aim::starts;
  strike.target = by_rule ? to_string(entry.target) : std::string{to_string(entry.kind->aim)};
  strike.id = id;
  auto held = HeldProcess::hold(id.pid);
  if (!held) return skip(strike, "died by itself");
  strike.process = std::move(*held);
  // The pid may have been given to another process between the status and the pidfd.
  const pool::Status status = site_.status();
  const bool still = !by_rule || std::any_of(status.workers.begin(), status.workers.end(),
                                             [&id](const pool::WorkerStatus& worker) {
                                               return worker.worker == id.worker &&
                                                      worker.pid == id.pid && serves(worker);
                                             });
  if (!still) return skip(strike, "no longer serves under this pid");
  const auto stat = strike.process.stat();
  if (id.pid != getpid() && (!stat || stat->parent != getpid())) {
    return skip(strike, "not a child of this process");
  }
  strike.state = State::selected;
  strike.selected_at = time_now();
  note(strike, "selected");
}

void Strikes::skip(Strike& strike, std::string reason) {
  strike.state = State::skipped;
  strike.reason = std::move(reason);
  note(strike, "skipped");
}

void Strikes::inject(Strike& strike) {
  const FaultKind& kind = *strike.kind;
  if (strike.process.is_dead()) return skip(strike, "died by itself");
  if (kind.plan) {
    if (auto planned = kind.plan(strike, site_); !planned) return skip(strike, planned.error());
  }
  if (kind.undoes) {
    const auto id = undo_.add(kind.name, strike.record);
    if (!id) return skip(strike, "the undo record could not be written: " + id.error());
    strike.undo_id = *id;
  }
  const TimePoint now = time_now();
  strike.injected_at = now;
  strike.undo_due = now + entry_of(strike).duration;
  if (auto injected = kind.inject(strike, site_); !injected) {
    std::shared_ptr<void> resource = std::move(strike.resource);
    if (kind.undoes && kind.undo(strike.record, resource)) undo_.done(strike.undo_id);
    return skip(strike, injected.error());
  }
  if (kind.step && !has(strike.step_due)) strike.step_due = now + look_every;
  if (kind.aim == Aim::spare) site_.burnt_pids.push_back(strike.id.pid);
  strike.state = State::injected;
  note(strike, "injected");
}

TimePoint Strikes::advance(const pool::Status& status) {
  const TimePoint now = time_now();
  TimePoint next = TimePoint::max();
  for (auto waiting = staggered_.begin(); waiting != staggered_.end();) {
    if (waiting->due <= now) {
      inject(strikes_[waiting->strike]);
      waiting = staggered_.erase(waiting);
    } else {
      next = std::min(next, (waiting++)->due);
    }
  }
  for (Strike& strike : strikes_) {
    if (strike.over() || strike.state == State::selected) continue;
    advance_one(strike, status, now);
    if (strike.over()) continue;
    next = std::min(next, now + look_every);
    if (has(strike.step_due) && !has(strike.undone_at)) next = std::min(next, strike.step_due);
  }
  return next;
}

void Strikes::advance_one(Strike& strike, const pool::Status& status, TimePoint now) {
  const FaultKind& kind = *strike.kind;
  if (strike.state == State::injected) {
    if (auto evidence = kind.prove(strike, site_)) {
      strike.evidence = std::move(*evidence);
      strike.state = State::proved;
      strike.was_proved = true;
      strike.proved_at = time_now();
      note(strike, "proved");
    } else if (now >= strike.injected_at + entry_of(strike).proof_max) {
      strike.state = State::unproved;
      strike.reason = fmt::format("no evidence ({}) {} ms after the injection", kind.proof,
                                  entry_of(strike).proof_max.count());
      note(strike, "unproved");
    }
  }
  const bool settled = strike.state != State::injected;
  if (has(strike.step_due) && now >= strike.step_due && (!settled || now < strike.undo_due)) {
    strike.step_due = kind.step(strike, site_);
  }
  if (kind.undoes && settled && !has(strike.undone_at) && now >= strike.undo_due) {
    try_undo(strike, now);
  }
  if (strike.state == State::undo_failed) return;
  const bool healed = settled && (!kind.undoes || has(strike.undone_at));
  if (healed && whole_again(strike, status)) {
    strike.state = State::recovered;
    strike.recovered_at = time_now();
    note(strike, "recovered");
  }
}

void Strikes::try_undo(Strike& strike, TimePoint now) {
  const auto undone = strike.kind->undo(strike.record, strike.resource);
  const bool said = undone && !undone->empty();
  if (said && strike.resource == nullptr && strike.kind->undone(strike.record)) {
    strike.undone_at = time_now();
    strike.undo_told = *undone;
    undo_.done(strike.undo_id);
    if (strike.was_proved) strike.state = State::undone;
    note(strike, "undone");
  } else if (now >= strike.undo_due + plan_.undo_max) {
    strike.state = State::undo_failed;
    strike.undo_missed = true;
    strike.reason = !undone ? undone.error()
                    : said  ? "undone, and its effect is still there"
                            : "its undo did nothing";
    note(strike, "undo_failed");
  }
}

bool Strikes::whole_again(const Strike& strike, const pool::Status& status) const {
  // What a fault has opened refuses calls for longer than the fault lasts.
  const bool refuses = std::any_of(status.breakers.begin(), status.breakers.end(),
                                   [](const pool::BreakerStatus& circuit) {
                                     return circuit.state == pool::CircuitState::open ||
                                            circuit.state == pool::CircuitState::half_open;
                                   });
  if (refuses) return false;
  // A target that was not seen to end may well live on.
  const bool ended = strike.kind->kills && strike.was_proved;
  switch (strike.kind->aim) {
    case Aim::fork_template:
      return status.fork_template.state == "ready" &&
             (!ended || status.fork_template.pid != strike.id.pid);
    case Aim::warden:
      return status.warden_pid != 0 && (!ended || status.warden_pid != strike.id.pid);
    case Aim::spare:
      return status.fork_template.spares >= plan_.pool.warm_spares;
    default:
      break;
  }
  const bool victim_gone =
      !ended || strike.id.worker == 0 ||
      std::none_of(status.workers.begin(), status.workers.end(), [&](const auto& worker) {
        return worker.worker == strike.id.worker && serves(worker);
      });
  return victim_gone && !is_stuck(strike, status) && serving(status) >= plan_.pool.size;
}

// A worker that still has the request which it had when the fault was undone (it hangs, its reply
// was lost) is not well yet: the fault's effect outlives the fault.
bool Strikes::is_stuck(const Strike& strike, const pool::Status& status) const {
  const TimePoint healed = has(strike.undone_at) ? strike.undone_at : strike.proved_at;
  const TimePoint now = time_now();
  return std::any_of(status.workers.begin(), status.workers.end(), [&](const auto& worker) {
    const bool still_busy = worker.state == "busy" && now - worker.in_state <= healed;
    const bool owes = worker.state == "degraded";
    return worker.worker == strike.id.worker && (still_busy || owes);
  });
}

std::uint32_t Strikes::serving(const pool::Status& status) const {
  // A victim may still be listed as ready for as long as the pool has not noticed its death.
  const auto struck_dead = [this](const pool::WorkerStatus& worker) {
    return std::any_of(strikes_.rbegin(), strikes_.rend(), [&worker](const Strike& strike) {
      return strike.id.worker == worker.worker && strike.kind->kills && strike.was_proved;
    });
  };
  return static_cast<std::uint32_t>(std::count_if(
      status.workers.begin(), status.workers.end(),
      [&](const pool::WorkerStatus& worker) { return serves(worker) && !struck_dead(worker); }));
}

void Strikes::noticed(std::uint64_t worker, TimePoint at) {
  for (Strike& strike : strikes_) {
    // What befalls its worker when the fault is long over is another's doing.
    const bool over = strike.over() && !strike.kind->kills;
    const bool its = strike.id.worker == worker && worker != 0 && !over;
    if (its && has(strike.injected_at) && at >= strike.injected_at && !has(strike.detected_at)) {
      strike.detected_at = at;
      note(strike, "noticed");
    }
  }
}

void Strikes::undo_all() {
  for (Strike& strike : strikes_) {
    const bool injected = has(strike.injected_at) && strike.state != State::skipped;
    if (!injected || !strike.kind->undoes || has(strike.undone_at)) continue;
    if (strike.state == State::undo_failed) strike.state = State::unproved;
    strike.undo_due = time_now();
    try_undo(strike, time_now());
  }
}

std::deque<Strike> Strikes::take() {
  for (Strike& strike : strikes_) strike.process = HeldProcess{};
  return std::move(strikes_);
}

bool Strikes::alive() const {
  return !staggered_.empty() || std::any_of(strikes_.begin(), strikes_.end(),
                                            [](const Strike& strike) { return !strike.over(); });
}

bool Strikes::await_proof() const {
  return std::any_of(strikes_.begin(), strikes_.end(),
                     [](const Strike& strike) { return strike.state == State::injected; });
}

std::uint32_t Strikes::fired(std::size_t entry) const {
  return static_cast<std::uint32_t>(
      std::count_if(strikes_.begin(), strikes_.end(), [entry](const Strike& strike) {
        return strike.entry == entry && strike.state != State::skipped;
      }));
}

void Strikes::note(const Strike& strike, std::string_view state) {
  json line{{"strike", strike.number}, {"fault", strike.kind->name}, {"state", state},
            {"entry", strike.entry},   {"target", strike.target},    {"worker", strike.id.worker},
            {"pid", strike.id.pid}};
  if (state == "selected") line["options"] = strike.values;
  if (state == "selected") line["what"] = strike.kind->describe(strike.values);
  if (!strike.reason.empty()) line["reason"] = strike.reason;
  if (state == "proved") line["evidence"] = strike.evidence;
  if (state == "undone") line["evidence"] = strike.undo_told;
  const TimePoint at = state == "proved"      ? strike.proved_at
                       : state == "undone"    ? strike.undone_at
                       : state == "recovered" ? strike.recovered_at
                       : state == "noticed"   ? strike.detected_at
                                              : TimePoint{};
  if (has(at)) line["after_ms"] = milliseconds_between(strike.injected_at, at);
  journal_.note("fault", line);
}

}  // namespace ordeal::chaos
