#include "chaos/experiment/run.hpp"

#include <dirent.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>

#include "chaos/experiment/held_pool.hpp"
#include "chaos/experiment/load_target.hpp"
#include "chaos/relay/control.hpp"
#include "ordeal/pool/pool.hpp"
#include "pool/runtime/clock.hpp"

namespace ordeal::chaos {
namespace {

namespace runtime = pool::runtime;
namespace fs = std::filesystem;

constexpr milliseconds sample_every{50};

// What the pool's threads write down for the main thread. Outlives a stop that does not return.
struct Held : HeldPool {
  std::mutex mutex;
  std::vector<pool::PoolEvent> events;  // what is worth a line
  std::map<std::string, std::uint64_t, std::less<>> counts;
};

void take_event(Held& held, const pool::PoolEvent& event) {
  // Transitions between ready and busy are the daily business of each call.
  const bool work = event.to == "busy" || (event.to == "ready" && event.from == "busy");
  const bool request = event.what.starts_with("request_");
  {
    const std::lock_guard lock{held.mutex};
    auto count = held.counts.find(event.what);
    if (count == held.counts.end()) count = held.counts.emplace(event.what, 0).first;
    ++count->second;
    if (work || request) return;
    held.events.push_back(event);
  }
  held.wake.notify();
}

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

class Run {
 public:
  Run(const Plan& plan, const RunOptions& options, Journal& journal)
      : plan_(plan), options_(options), journal_(journal) {}

  pool::Result<RunResult> run();

 private:
  pool::Result<void> prepare();
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
  void await_whole();
  void read_executions();
  void stop_pool();
  void clean_up();

  const Plan& plan_;
  const RunOptions& options_;
  Journal& journal_;
  Site site_;
  UndoLog undo_;
  std::vector<std::pair<const FaultKind*, std::pair<std::uint64_t, json>>> prepared_;
  std::shared_ptr<Held> held_ = std::make_shared<Held>();
  std::optional<Strikes> strikes_;
  std::optional<trial::ClosedLoop> load_;
  std::shared_ptr<PlannedCalls> calls_;
  pool::Options pool_options_;
  RunResult result_;
  pool::Status status_;
  TimePoint sampled_at_{}, whole_since_{}, next_{};
  std::size_t next_shot_ = 0;
  bool ending_ = false;
};

pool::Result<RunResult> Run::run() {
  pool::core::Random seeds{plan_.seed};
  const std::uint64_t load_seed = seeds.next();
  site_.random = pool::core::Random{seeds.next()};
  if (auto prepared = prepare(); !prepared) {
    clean_up();
    return tl::unexpected(std::move(prepared.error()));
  }
  note_start();
  result_.before = look_at_host();
  if (auto started = start_pool(); !started) {
    clean_up();
    return tl::unexpected(std::move(started.error()));
  }
  strikes_.emplace(plan_, site_, undo_, journal_);
  probe_permits();
  calls_ = std::make_shared<PlannedCalls>(*held_->pool, plan_.load);
  trial::LoadOptions load{.callers = plan_.load.callers,
                          .deadline = plan_.load.deadline,
                          .seed = load_seed,
                          .mix = plan_.load.mix};
  load.on_caller_ended = [held = held_] { held->wake.notify(); };
  for (const std::int64_t ms : arrivals_of(plan_.load)) {
    load.arrivals.push_back(std::chrono::milliseconds{ms});
  }
  result_.load_began = time_now();
  journal_.note("load_began", json::object());
  load_.emplace(calls_, load);
  drive_load();
  await_whole();
  if (options_.before_rollback) options_.before_rollback();
  strikes_->undo_all();
  result_.history = load_->history();
  const bool all_returned = result_.history.count(trial::Outcome::lost) == 0;
  if (all_returned) result_.sessions = calls_->account();
  load_.reset();
  read_executions();
  stop_pool();
  result_.strikes = strikes_->take();
  clean_up();
  result_.left_behind = children_of_this_process();
  result_.after = look_at_host();
  return std::move(result_);
}

pool::Result<void> Run::prepare() {
  const auto refuse = [](const std::string& why) {
    return tl::unexpected(pool::make_error(pool::ErrorCode::spawn_failed, why));
  };
  auto undo = UndoLog::open(options_.state_folder);
  if (!undo) return refuse(undo.error());
  undo_ = std::move(*undo);
  std::string folder = fs::temp_directory_path() / "ordeal-chaos-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) return refuse(folder + ": cannot make");
  site_.folder = folder;
  site_.relay_program = options_.relay_program;
  std::error_code failed;
  pool_options_ = plan_.pool;
  const std::string relay_folder = folder + "/relay";
  const std::string program = folder + "/relay-program";
  const std::string store = folder + "/store/sessions.db";
  if (plan_.with_relay) {
    fs::create_directory(relay_folder, failed);
    fs::create_symlink(options_.relay_program, program, failed);
    site_.relay_folder = relay_folder;
  }
  if (plan_.store_in_file) {
    fs::create_directory(folder + "/store", failed);
    site_.store_file = store;
  }
  if (failed) return refuse(folder + ": " + failed.message());
  const auto fill_in = [&](std::string& text) {
    for (const auto& [mark, by] : {std::pair<std::string_view, std::string>{"{relay}", program},
                                   {"{relay_folder}", relay_folder},
                                   {"{store}", store}}) {
      if (const std::size_t at = text.find(mark); at != text.npos) {
        text.replace(at, mark.size(), by);
      }
    }
  };
  for (std::string& word : pool_options_.command) fill_in(word);
  fill_in(pool_options_.session_store);
  for (const FaultEntry& entry : plan_.faults) {
    const bool before = std::any_of(prepared_.begin(), prepared_.end(),
                                    [&](const auto& p) { return p.first == entry.kind; });
    if (!entry.kind->prepare || before) continue;
    if (entry.kind->permit && !entry.kind->permit(site_).granted) continue;
    auto record = entry.kind->prepare(site_);
    if (!record) return refuse(record.error());
    const auto id = undo_.add(entry.kind->name, *record);
    prepared_.push_back({entry.kind, {id.value_or(0), *record}});
  }
  return {};
}

pool::Result<void> Run::start_pool() {
  auto started = pool::Pool::start(
      pool_options_, {[held = held_](const pool::PoolEvent& event) { take_event(*held, event); }});
  if (!started) return tl::unexpected(std::move(started.error()));
  held_->pool.emplace(std::move(*started));
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
  TimePoint end_at = result_.load_began + plan_.load.duration;
  TimePoint quiet_at = end_at - plan_.quiet;
  result_.quiet_began = TimePoint::max();
  while (true) {
    const std::uint32_t ticket = held_->wake.ticket();
    const TimePoint now = time_now();
    next_ = std::min(load_->sweep(now), now + sample_every);
    turn(now);
    if (plan_.early && now < quiet_at && faults_are_over()) {
      quiet_at = now;
      end_at = now + plan_.quiet;
    }
    const bool quiet = now >= quiet_at;
    if (quiet && result_.quiet_began == TimePoint::max()) {
      result_.quiet_began = now;
      journal_.note("quiet_began", json::object());
    }
    if (!quiet) {
      fire_due(now);
      next_ = std::min(next_, quiet_at);
    }
    if (!ending_ && now >= end_at) {
      ending_ = true;
      load_->ask_to_end();
    }
    if (ending_ && load_->counts().callers_at_work == 0) break;
    if (!ending_) next_ = std::min(next_, end_at);
    held_->wake.wait_until(runtime::to_instant(next_), ticket);
  }
  result_.load_ended = time_now();
  const trial::LoadCounts counts = load_->counts();
  journal_.note("load_ended", {{"sent", counts.sent}, {"ok", counts.ok}, {"lost", counts.lost}});
  for (std::size_t entry = 0; entry < plan_.faults.size(); ++entry) {
    const std::string name{plan_.faults[entry].kind->name};
    if (strikes_->fired(entry) == 0 && !result_.not_permitted.contains(name)) {
      result_.never_fired.push_back(entry);
    }
  }
}

// What is done at each turn, whatever the phase.
void Run::turn(TimePoint now) {
  drain_events();
  status_ = held_->pool->status();
  next_ = std::min(next_, strikes_->advance(status_));
  if (strikes_->serving(status_) >= plan_.pool.size) {
    if (whole_since_ == TimePoint{}) whole_since_ = now;
  } else {
    whole_since_ = {};
  }
  if (now >= sampled_at_ + sample_every) sample(now);
}

void Run::drain_events() {
  std::vector<pool::PoolEvent> events;
  {
    const std::lock_guard lock{held_->mutex};
    events.swap(held_->events);
  }
  for (const pool::PoolEvent& event : events) {
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
  while (next_shot_ < plan_.shots.size() && result_.not_steady.empty()) {
    const Shot& shot = plan_.shots[next_shot_];
    if (result_.not_permitted.contains(std::string{plan_.faults[shot.entry].kind->name})) {
      ++next_shot_;
      continue;
    }
    if (!may_fire(shot, now)) {
      const TimePoint due = result_.load_began + shot.due;
      next_ = std::min(next_, now < due ? due : now + milliseconds{5});
      return;
    }
    if (result_.first_fault == TimePoint{}) {
      result_.not_steady = not_steady();
      if (!result_.not_steady.empty()) {
        journal_.note("not_steady", {{"why", result_.not_steady}});
        return;
      }
      result_.first_fault = now;
    }
    // Nobody fits just now ("idle" under full load): the shot waits for its target.
    if (!strikes_->fire(shot)) {
      next_ = std::min(next_, now + milliseconds{5});
      return;
    }
    ++next_shot_;
    next_ = std::min(next_, now + milliseconds{5});
  }
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
  const TimePoint until = time_now() + plan_.recovery_max;
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
  const std::lock_guard lock{held_->mutex};
  result_.events.insert(held_->counts.begin(), held_->counts.end());
}

void Run::read_executions() {
  if (site_.relay_folder.empty()) return;
  std::ifstream lines{executions_file(site_.relay_folder)};
  result_.with_executions = static_cast<bool>(lines);
  for (std::string nonce; std::getline(lines, nonce);) ++result_.executions[nonce];
}

void Run::stop_pool() {
  result_.stop_returned = chaos::stop_pool(held_);
  journal_.note("pool_stopped", {{"returned", result_.stop_returned}});
}

void Run::clean_up() {
  for (const auto& [kind, record] : prepared_) {
    std::shared_ptr<void> none;
    const auto undone = kind->undo(record.second, none);
    if (undone && !undone->empty() && kind->undone(record.second)) undo_.done(record.first);
  }
  prepared_.clear();
  undo_.close();
  std::error_code ignored;
  if (!site_.folder.empty()) fs::remove_all(site_.folder, ignored);
}

}  // namespace

pool::Result<RunResult> run_plan(const Plan& plan, const RunOptions& options, Journal& journal) {
  return Run{plan, options, journal}.run();
}

}  // namespace ordeal::chaos
