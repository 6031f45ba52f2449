#include "chaos/experiment/run.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "chaos/experiment/heard.hpp"
#include "chaos/experiment/load_target.hpp"
#include "chaos/experiment/surroundings.hpp"
#include "chaos/relay/control.hpp"
#include "ordeal/pool/pool.hpp"
#include "pool/runtime/clock.hpp"
#include "testing/sim/replay.hpp"

namespace ordeal::chaos {
namespace {

namespace runtime = pool::runtime;
namespace fs = std::filesystem;

constexpr milliseconds sample_every{50};

HostUse look_at_host() {
  HostUse use;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator{"/proc/self/fd", ignored}) {
    (void)entry;
    ++use.descriptors;
  }
  if (const auto stat = read_proc_stat(getpid())) use.rss_kib = stat->rss_kib;
  return use;
}

// While the last fault has its effect: a stop must cope with what it finds. Without one, amidst.
milliseconds stop_due(const Plan& plan) {
  const milliseconds latest = plan.load.duration - plan.quiet;
  if (plan.shots.empty()) return latest / 2;
  const Shot& last = plan.shots.back();
  return std::min(latest, last.due + plan.faults[last.entry].duration / 2);
}

class Run {
 public:
  Run(const Plan& plan, const RunOptions& options, Journal& journal)
      : plan_(plan), options_(options), journal_(journal) {}

  pool::Result<RunResult> run();

 private:
  pool::Result<void> start_pool();
  void note_start();
  void probe_permits();
  void drive_load();
  void turn(TimePoint now);
  void drain_events();
  void fire_due(TimePoint now);
  [[nodiscard]] bool may_fire(const Shot& shot, TimePoint now) const;
  [[nodiscard]] std::string not_steady() const;
  [[nodiscard]] bool faults_are_over() const;
  void sample(TimePoint now);
  void begin_quiet(TimePoint now);
  [[nodiscard]] bool stop_is_due(TimePoint now) const;
  void stop_under_load(TimePoint now);
  [[nodiscard]] bool has_progressed(TimePoint now) const;
  void await_whole();
  void call_after_rollback(std::uint64_t seed);
  void read_executions();
  void stop_pool();
  [[nodiscard]] std::string record_file() const { return site_.folder + "/core.trace"; }
  void look_at_record();

  const Plan& plan_;
  const RunOptions& options_;
  Journal& journal_;
  Surroundings around_;
  Site& site_ = around_.site();
  std::shared_ptr<HeardPool> held_ = std::make_shared<HeardPool>();
  std::optional<Strikes> strikes_;
  std::optional<trial::ClosedLoop> load_;
  std::vector<pool::core::Duration> arrivals_;
  std::shared_ptr<PlannedCalls> calls_;
  std::optional<pool::Reporter> reporter_;
  RunResult result_;
  pool::Status status_;
  TimePoint sampled_at_{}, whole_since_{}, next_{};
  TimePoint end_at_{}, quiet_at_{};
  std::uint64_t ok_before_quiet_ = 0;
  TimePoint stop_at_ = TimePoint::max();  // with callers in it, if the plan has that
  std::vector<std::thread> stops_;
  pool::core::Random stop_random_{0};
  std::vector<bool> shots_done_;
  std::size_t next_shot_ = 0;  // the first that is not done
  bool ending_ = false;
};

pool::Result<RunResult> Run::run() {
  pool::core::Random seeds{plan_.seed};
  const std::uint64_t load_seed = seeds.next();
  site_.random = pool::core::Random{seeds.next()};
  const std::uint64_t seed_after = seeds.next();
  const std::uint64_t seed_arrivals = seeds.next();
  const std::uint64_t seed_calls = seeds.next();
  stop_random_ = pool::core::Random{seeds.next()};
  if (auto prepared = around_.prepare(plan_, options_); !prepared) {
    around_.clean_up();
    return tl::unexpected(pool::make_error(pool::ErrorCode::spawn_failed, prepared.error()));
  }
  note_start();
  result_.before = look_at_host();
  if (auto started = start_pool(); !started) {
    around_.clean_up();
    return tl::unexpected(std::move(started.error()));
  }
  strikes_.emplace(plan_, site_, around_.undo(), journal_);
  probe_permits();
  calls_ = std::make_shared<PlannedCalls>(*held_->pool, plan_, seed_calls);
  trial::LoadOptions load{.callers = plan_.load.callers,
                          .deadline = plan_.load.deadline,
                          .deadline_min = plan_.load.deadline_min,
                          .seed = load_seed,
                          .mix = plan_.load.mix};
  load.on_caller_ended = [held = held_] { held->wake.notify(); };
  load.arrivals = arrivals_of(plan_.load, seed_arrivals);
  result_.load_began = time_now();
  journal_.note("load_began", json::object());
  arrivals_ = load.arrivals;
  load_.emplace(calls_, load);
  drive_load();
  await_whole();
  if (options_.before_rollback) options_.before_rollback();
  strikes_->undo_all();
  result_.history = load_->history();
  // A pool that was stopped can be asked nothing any more.
  const bool answers =
      result_.history.count(trial::Outcome::lost) == 0 && result_.stop_at == TimePoint{};
  if (answers && !result_.interrupted) call_after_rollback(seed_after);
  if (answers) result_.sessions = calls_->account(site_.acknowledged);
  load_.reset();
  result_.operations = calls_->operations();
  calls_->close();
  read_executions();
  stop_pool();
  if (plan_.bars.promises) look_at_record();
  result_.strikes = strikes_->take();
  around_.clean_up();
  result_.left_behind = children_of_this_process();
  result_.after = look_at_host();
  return std::move(result_);
}

pool::Result<void> Run::start_pool() {
  pool::Options options = around_.pool_options();
  if (plan_.bars.promises) options.record_file = record_file();
  auto started = start_heard(held_, options, plan_.alerts, reporter_);
  if (!started) return started;
  site_.status = [held = held_.get()] { return held->pool->status(); };
  site_.subscribe = [held = held_.get()](pool::Sink sink) {
    return held->pool->subscribe(std::move(sink));
  };
  return {};
}

void Run::note_start() {
  journal_.note("run_started", {{"schema", journal_schema},
                                {"title", plan_.title},
                                {"seed", plan_.seed},
                                {"world", "processes"},
                                {"workers", plan_.pool.size},
                                {"callers", plan_.load.callers},
                                {"load_ms", plan_.load.duration.count()},
                                {"experiment", plan_.text}});
}

void Run::probe_permits() {
  for (const FaultEntry& entry : plan_.faults) {
    const std::string name{entry.kind->name};
    if (result_.not_permitted.contains(name) || !entry.kind->permit) continue;
    const Permit permit = entry.kind->permit(site_);
    if (permit.granted) continue;
    result_.not_permitted[name] = permit.reason;
    journal_.note("fault",
                  {{"fault", name}, {"state", "not_permitted"}, {"reason", permit.reason}});
  }
}

void Run::drive_load() {
  end_at_ = result_.load_began + plan_.load.duration;
  quiet_at_ = end_at_ - plan_.quiet;
  if (plan_.simulated.stop_under_load) stop_at_ = result_.load_began + stop_due(plan_);
  result_.quiet_began = TimePoint::max();
  while (true) {
    const std::uint32_t ticket = held_->wake.ticket();
    const TimePoint now = time_now();
    next_ = std::min(load_->sweep(now), now + sample_every);
    turn(now);
    result_.interrupted = result_.interrupted || (options_.interrupted && options_.interrupted());
    if (result_.interrupted) end_at_ = quiet_at_ = std::min(end_at_, now);
    if (plan_.early && now < quiet_at_ && faults_are_over()) {
      quiet_at_ = now;
      end_at_ = now + plan_.quiet;
    }
    if (now >= quiet_at_) {
      begin_quiet(now);
    } else {
      fire_due(now);
      next_ = std::min(next_, quiet_at_);
    }
    if (stop_is_due(now)) stop_under_load(now);
    if (result_.stop_at == TimePoint{} && now < stop_at_) next_ = std::min(next_, stop_at_);
    if (!ending_ && now >= end_at_ && has_progressed(now)) {
      ending_ = true;
      end_at_ = now;
      load_->ask_to_end();
    }
    if (load_->counts().callers_at_work == 0 && (ending_ || now >= end_at_)) break;
    if (!ending_ && now < end_at_) next_ = std::min(next_, end_at_);
    held_->wake.wait_until(runtime::to_instant(next_), ticket);
  }
  result_.load_ended = time_now();
  result_.due = static_cast<std::uint64_t>(
      std::upper_bound(arrivals_.begin(), arrivals_.end(), end_at_ - result_.load_began) -
      arrivals_.begin());
  const trial::LoadCounts counts = load_->counts();
  journal_.note("load_ended", {{"sent", counts.sent}, {"ok", counts.ok}, {"lost", counts.lost}});
  for (std::size_t entry = 0; entry < plan_.faults.size(); ++entry) {
    const std::string name{plan_.faults[entry].kind->name};
    if (strikes_->fired(entry) == 0 && !result_.not_permitted.contains(name)) {
      result_.never_fired.push_back(entry);
    }
  }
}

void Run::begin_quiet(TimePoint now) {
  if (result_.quiet_began != TimePoint::max()) return;
  result_.quiet_began = now;
  ok_before_quiet_ = load_->counts().ok;
  calls_->note_calm();
  journal_.note("quiet_began", json::object());
}

// Who was struck just before is to show it first: a fault without proof would say nothing.
bool Run::stop_is_due(TimePoint now) const {
  if (result_.stop_at != TimePoint{} || now < stop_at_ || result_.interrupted) return false;
  return !strikes_->await_proof() || now >= quiet_at_;
}

// The callers in it are told; what is under way has the grace. Nothing is struck any more.
void Run::stop_under_load(TimePoint now) {
  const SimulatedLoad& load = plan_.simulated;
  const auto up_to = [this](std::int64_t most) {
    return milliseconds{stop_random_.between(1, std::max<std::int64_t>(1, most))};
  };
  const milliseconds grace =
      stop_random_.chance(1, 4) ? milliseconds{0} : up_to(load.stop_grace_max_ms);
  result_.stop_at = now;
  journal_.note("stop_ordered", {{"grace_ms", grace.count()}});
  stops_.push_back(order_stop(held_, now, grace));
  if (load.stop_again && grace.count() > 0) {
    stops_.push_back(order_stop(held_, now + up_to(grace.count()), up_to(load.stop_grace_max_ms)));
  }
  ending_ = true;
  end_at_ = quiet_at_ = now;
  load_->ask_to_end();
}

// The calm is over when the pool has shown that it works, or has had the time for it. Of the calls
// that end after its beginning each caller may have begun one before.
bool Run::has_progressed(TimePoint now) const {
  const std::uint64_t wanted = plan_.bars.progress_min + plan_.load.callers;
  const bool cut_short = result_.interrupted || result_.stop_at != TimePoint{};
  return cut_short || now >= end_at_ + plan_.recovery_max ||
         load_->counts().ok >= ok_before_quiet_ + wanted;
}

// What is done at each turn, whatever the phase.
void Run::turn(TimePoint now) {
  drain_events();
  status_ = held_->pool->status();
  next_ = std::min(next_, strikes_->advance(status_));
  if (strikes_->serving(status_) >= plan_.pool.size) {
    if (whole_since_ == TimePoint{}) whole_since_ = now;
    const bool rests = result_.quiet_began <= now;
    if (rests && result_.settled_at == TimePoint{}) result_.settled_at = now;
  } else {
    whole_since_ = {};
  }
  if (now >= sampled_at_ + sample_every) sample(now);
}

void Run::drain_events() {
  const Heard heard = held_->drain();
  for (const pool::Alert& alert : heard.alerts) {
    journal_.note_at(alert.at, "alert",
                     {{"alert", to_string(alert.kind)},
                      {"level", level_of(alert)},
                      {"recovered", alert.recovered},
                      {"circuit", alert.circuit},
                      {"message", alert.message}});
  }
  for (const pool::PoolEvent& event : heard.events) {
    json line{{"what", event.what}, {"worker", event.worker}};
    if (!event.from.empty()) line["from"] = event.from;
    if (!event.to.empty()) line["to"] = event.to;
    if (!event.reason.empty()) line["reason"] = event.reason;
    if (event.code != pool::ErrorCode::none) line["code"] = pool::to_string(event.code);
    journal_.note_at(event.at, "pool", line);
    if (event.what == "worker_transition") strikes_->noticed(event.worker, event.at);
  }
}

bool Run::faults_are_over() const {
  return next_shot_ >= plan_.shots.size() && !strikes_->alive() &&
         strikes_->serving(status_) >= plan_.pool.size;
}

bool Run::may_fire(const Shot& shot, TimePoint now) const {
  if (now < result_.load_began + shot.due) return false;
  if (plan_.exact || plan_.faults[shot.entry].overlap) return true;
  return !strikes_->alive() && whole_since_ != TimePoint{} && now >= whole_since_ + plan_.settle;
}

void Run::fire_due(TimePoint now) {
  shots_done_.resize(plan_.shots.size());
  for (std::size_t i = next_shot_; i < plan_.shots.size() && result_.not_steady.empty(); ++i) {
    const Shot& shot = plan_.shots[i];
    const FaultEntry& entry = plan_.faults[shot.entry];
    if (result_.not_permitted.contains(std::string{entry.kind->name})) shots_done_[i] = true;
    if (shots_done_[i]) continue;
    if (!may_fire(shot, now)) {
      const TimePoint due = result_.load_began + shot.due;
      next_ = std::min(next_, now < due ? due : now + milliseconds{5});
      break;
    }
    if (result_.first_fault == TimePoint{}) {
      result_.not_steady = not_steady();
      if (!result_.not_steady.empty()) {
        journal_.note("not_steady", {{"why", result_.not_steady}});
        break;
      }
      result_.first_fault = now;
    }
    next_ = std::min(next_, now + milliseconds{5});
    shots_done_[i] = strikes_->fire(shot);
    // Nobody fits just now ("idle" under full load): the shot waits for its target, and with it
    // those that do not overlap.
    if (!shots_done_[i] && !entry.overlap) break;
  }
  while (next_shot_ < shots_done_.size() && shots_done_[next_shot_]) ++next_shot_;
}

// The guard before the first fault: whoever is sick already is not struck.
std::string Run::not_steady() const {
  for (const Hypothesis& hypothesis : plan_.steady) {
    const trial::LoadCounts counts = load_->counts();
    double value = 0;
    if (hypothesis.probe == "workers_serving") {
      value = strikes_->serving(status_);
    } else if (hypothesis.probe == "queue_depth") {
      value = status_.queue_depth;
    } else if (hypothesis.probe == "ok_percent" && counts.sent > plan_.load.callers) {
      const auto ended = static_cast<double>(counts.sent - plan_.load.callers);
      value = std::min(100.0, 100.0 * static_cast<double>(counts.ok) / ended);
    } else {
      continue;  // of calls, over a time: judged at the end
    }
    if ((hypothesis.min && value < *hypothesis.min) ||
        (hypothesis.max && value > *hypothesis.max)) {
      return fmt::format("{} is {:.6g} before the first fault", hypothesis.probe, value);
    }
  }
  return {};
}

void Run::sample(TimePoint now) {
  sampled_at_ = now;
  const trial::LoadCounts counts = load_->counts();
  const Sample sample{
      now, strikes_->serving(status_), status_.busy, status_.queue_depth, counts.sent, counts.ok};
  result_.samples.push_back(sample);
  journal_.note("sample", {{"serving", sample.serving},
                           {"busy", sample.busy},
                           {"queue", sample.queue_depth},
                           {"sent", sample.sent},
                           {"ok", sample.ok}});
  if (options_.on_progress) {
    options_.on_progress({std::chrono::duration_cast<milliseconds>(now - result_.load_began),
                          counts, strikes_->all().size(), sample.serving});
  }
}

void Run::await_whole() {
  const bool cut_short = result_.interrupted || result_.stop_at != TimePoint{};
  const TimePoint until = time_now() + (cut_short ? milliseconds{0} : plan_.recovery_max);
  while (true) {
    const std::uint32_t ticket = held_->wake.ticket();
    const TimePoint now = time_now();
    next_ = std::min(until, now + sample_every);
    turn(now);
    result_.whole = strikes_->serving(status_) >= plan_.pool.size && !strikes_->alive();
    if (result_.whole || now >= until) break;
    held_->wake.wait_until(runtime::to_instant(next_), ticket);
  }
  result_.whole_at = time_now();
  result_.status = held_->pool->status();
  result_.events = held_->counts();
}

// Is a pool to which nothing is done any more as healthy as before? Two calls of each caller.
void Run::call_after_rollback(std::uint64_t seed) {
  trial::LoadOptions load{.callers = plan_.load.callers,
                          .deadline = plan_.load.deadline,
                          .seed = seed,
                          .mix = plan_.load.mix};
  load.on_caller_ended = [held = held_] { held->wake.notify(); };
  load.arrivals.assign(std::size_t{2} * plan_.load.callers, {});
  trial::ClosedLoop calls{calls_, load};
  while (true) {
    const std::uint32_t ticket = held_->wake.ticket();
    const TimePoint next = calls.sweep(time_now());
    if (calls.counts().callers_at_work == 0) break;
    held_->wake.wait_until(runtime::to_instant(next), ticket);
  }
  result_.after_rollback = calls.history();
}

void Run::read_executions() {
  if (site_.relay_folder.empty()) return;
  std::ifstream lines{executions_file(site_.relay_folder)};
  result_.with_executions = static_cast<bool>(lines);
  for (std::string nonce; std::getline(lines, nonce);) ++result_.executions[nonce];
}

void Run::stop_pool() {
  if (reporter_) reporter_->close(pool::Reporter::close_patience);
  result_.stop_returned = chaos::stop_pool(held_, std::move(stops_));
  reporter_.reset();
  journal_.note("pool_stopped", {{"returned", result_.stop_returned}});
}

// Whole only if the pool has closed it.
void Run::look_at_record() {
  if (!result_.stop_returned) return;
  std::ifstream file{record_file(), std::ios::binary};
  const std::string record{std::istreambuf_iterator<char>{file}, {}};
  result_.broken_promise = trial::broken_promise(record);
}

}  // namespace

pool::Result<RunResult> run_plan(const Plan& plan, const RunOptions& options, Journal& journal) {
  return Run{plan, options, journal}.run();
}

}  // namespace ordeal::chaos
