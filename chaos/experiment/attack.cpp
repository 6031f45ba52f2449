#include "chaos/experiment/attack.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "chaos/experiment/held_pool.hpp"
#include "ordeal/pool/pool.hpp"
#include "pool/runtime/clock.hpp"

namespace ordeal::chaos {
namespace {

namespace runtime = pool::runtime;
using nlohmann::json;
using trial::time_now;

constexpr milliseconds tick{100};  // progress, and a look at the pool if an event was dropped

double milliseconds_between(TimePoint from, TimePoint to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

class Attack {
 public:
  Attack(const AttackPlan& plan, Journal& journal,
         const std::function<void(const Progress&)>& on_progress, std::shared_ptr<HeldPool> held)
      : plan_(plan), journal_(journal), on_progress_(on_progress), held_(std::move(held)) {}

  AttackResult run();

 private:
  void drive_load();
  void strike();
  void look_at_pool();
  void await_whole();
  void stop_pool();
  void note(const Victim& victim);
  void report_progress(bool always);
  void wait_until(TimePoint at, std::uint32_t ticket) {
    held_->wake.wait_until(runtime::to_instant(std::min(at, time_now() + tick)), ticket);
  }
  [[nodiscard]] pool::Status status() const { return held_->pool->status(); }
  [[nodiscard]] bool may_strike() const {
    return serving_ >= plan_.pool.size && struck_times_ < plan_.schedule.times_max;
  }

  const AttackPlan& plan_;
  Journal& journal_;
  const std::function<void(const Progress&)>& on_progress_;
  std::shared_ptr<HeldPool> held_;
  pool::core::Random random_{0};
  std::optional<trial::ClosedLoop> load_;
  AttackResult result_;
  TimePoint started_at_;
  TimePoint progress_at_;
  TimePoint strike_at_;
  std::uint32_t struck_times_ = 0;
  std::uint32_t serving_ = 0;
  bool was_whole_ = false;
};

AttackResult Attack::run() {
  pool::core::Random seeds{plan_.seed};
  const std::uint64_t load_seed = seeds.next();
  const std::uint64_t fault_seed = seeds.next();
  random_ = pool::core::Random{fault_seed};
  journal_.note("run_started", {{"title", plan_.title},
                                {"seed", plan_.seed},
                                {"fault", plan_.kill.describe()},
                                {"schedule", plan_.schedule.describe()},
                                {"pool_seed", plan_.pool.seed.value_or(0)},
                                {"workers", plan_.pool.size},
                                {"callers", plan_.load.callers}});
  // Transitions between ready and busy are the daily business of each call: not worth a wake-up.
  const pool::Subscription subscription =
      held_->pool->subscribe([held = held_.get()](const pool::PoolEvent& event) {
        const bool work = event.to == "busy" || (event.to == "ready" && event.from == "busy");
        if (event.what == "worker_transition" && !work) held->wake.notify();
      });
  look_at_pool();
  result_.serving_before = serving_;

  auto target = trial::make_pool_target(*held_->pool);
  if (plan_.sabotage) target = trial::sabotaged(*plan_.sabotage, target);
  trial::LoadOptions load = plan_.load;
  load.seed = load_seed;
  load.on_caller_ended = [held = held_] { held->wake.notify(); };
  started_at_ = time_now();
  load_.emplace(target, load);
  drive_load();
  await_whole();
  result_.status = status();
  for (const Victim& victim : result_.victims) result_.dead_at_end += victim.is_dead() ? 1 : 0;
  result_.history = load_->history();
  load_.reset();
  stop_pool();
  result_.left_behind = children_of_this_process();
  return std::move(result_);
}

void Attack::drive_load() {
  const TimePoint quiet_at = started_at_ + plan_.duration - plan_.quiet;
  const TimePoint end_at = started_at_ + plan_.duration;
  strike_at_ = started_at_ + plan_.schedule.after;
  journal_.note("load_started", json::object());
  bool quiet = false;
  bool ending = false;
  while (true) {
    const std::uint32_t ticket = held_->wake.ticket();
    const TimePoint now = time_now();
    TimePoint next = load_->sweep(now);
    look_at_pool();
    if (!quiet && now >= quiet_at) {
      quiet = true;
      journal_.note("quiet_started", json::object());
    }
    if (!ending && now >= end_at) {
      ending = true;
      load_->ask_to_end();
    }
    if (ending && load_->counts().callers_at_work == 0) break;
    if (!quiet && now >= strike_at_ && may_strike()) {
      strike();
      continue;
    }
    if (!quiet && may_strike()) next = std::min(next, strike_at_);
    next = std::min(next, !quiet ? quiet_at : !ending ? end_at : next);
    report_progress(false);
    wait_until(next, ticket);
  }
  result_.load_lasted = std::chrono::duration_cast<milliseconds>(time_now() - started_at_);
  const trial::LoadCounts counts = load_->counts();
  journal_.note("load_ended", {{"sent", counts.sent}, {"ok", counts.ok}, {"lost", counts.lost}});
  report_progress(true);
}

void Attack::strike() {
  const auto& targets = plan_.schedule.targets;
  KillWorker kill = plan_.kill;
  kill.target = targets[struck_times_ % targets.size()];
  ++struck_times_;
  strike_at_ = time_now() + plan_.schedule.every;
  const std::vector<WorkerId> chosen = choose(kill.target, status(), random_);
  if (chosen.empty()) {
    ++result_.skipped;
    journal_.note("fault", {{"fault", "kill_worker"},
                            {"state", "skipped"},
                            {"target", to_string(kill.target)},
                            {"reason", "no worker fits the target"}});
  }
  for (const WorkerId& id : chosen) {
    Victim victim = hold(id, kill.target, [this] { return status(); });
    note(victim);
    if (victim.state == Victim::State::selected) {
      inject(victim, kill);
      note(victim);
    }
    if (victim.state == Victim::State::injected) {
      prove(victim, kill);
      note(victim);
    }
    if (victim.state == Victim::State::skipped) {
      ++result_.skipped;
    } else {
      result_.victims.push_back(std::move(victim));
    }
  }
  serving_ = 0;  // not known to be whole before the next look
  was_whole_ = false;
}

void Attack::look_at_pool() {
  const pool::Status now = status();
  const auto is_victim = [this](const pool::WorkerStatus& worker) {
    return std::any_of(result_.victims.rbegin(), result_.victims.rend(), [&](const Victim& victim) {
      return victim.id.worker == worker.worker && victim.state >= Victim::State::proved;
    });
  };
  // A victim may still be listed as ready for as long as the pool has not noticed its death.
  serving_ = static_cast<std::uint32_t>(std::count_if(
      now.workers.begin(), now.workers.end(),
      [&](const pool::WorkerStatus& worker) { return serves(worker) && !is_victim(worker); }));
  if (serving_ < plan_.pool.size) {
    was_whole_ = false;
    return;
  }
  if (!std::exchange(was_whole_, true)) {
    strike_at_ = std::max(strike_at_, time_now() + plan_.schedule.settle);
  }
  for (Victim& victim : result_.victims) {
    if (victim.state != Victim::State::proved) continue;
    victim.state = Victim::State::recovered;
    victim.recovered_at = time_now();
    note(victim);
  }
}

void Attack::await_whole() {
  const TimePoint until = time_now() + plan_.recovery_max;
  while (true) {
    const std::uint32_t ticket = held_->wake.ticket();
    look_at_pool();
    if (serving_ >= plan_.pool.size || time_now() >= until) break;
    wait_until(until, ticket);
  }
  result_.serving_after = serving_;
}

void Attack::stop_pool() {
  result_.stop_returned = chaos::stop_pool(held_);
  journal_.note("pool_stopped", {{"returned", result_.stop_returned}});
}

void Attack::note(const Victim& victim) {
  json line{{"fault", "kill_worker"},
            {"state", to_string(victim.state)},
            {"target", to_string(victim.target)},
            {"worker", victim.id.worker},
            {"pid", victim.id.pid}};
  if (!victim.reason.empty()) line["reason"] = victim.reason;
  if (victim.state == Victim::State::proved) {
    line["after_ms"] = milliseconds_between(victim.injected_at, victim.proved_at);
  } else if (victim.state == Victim::State::recovered) {
    line["after_ms"] = milliseconds_between(victim.injected_at, victim.recovered_at);
  }
  journal_.note("fault", line);
}

void Attack::report_progress(bool always) {
  const TimePoint now = time_now();
  if (!on_progress_ || (!always && now - progress_at_ < tick)) return;
  progress_at_ = now;
  on_progress_({.since_start = std::chrono::duration_cast<milliseconds>(now - started_at_),
                .load = load_->counts(),
                .kills = static_cast<std::uint32_t>(result_.victims.size()),
                .serving = serving_});
}

}  // namespace

pool::Result<AttackResult> attack(const AttackPlan& plan, Journal& journal,
                                  const std::function<void(const Progress&)>& on_progress) {
  auto started = pool::Pool::start(plan.pool);
  if (!started) return tl::unexpected(std::move(started.error()));
  auto held = std::make_shared<HeldPool>();
  held->pool.emplace(std::move(*started));
  return Attack{plan, journal, on_progress, held}.run();
}

void end_process(int exit_code) {
  std::fflush(nullptr);
  _exit(exit_code);
}

}  // namespace ordeal::chaos
