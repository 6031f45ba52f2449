#include "chaos/soak/soak.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "chaos/experiment/held_pool.hpp"
#include "chaos/faults/held_process.hpp"
#include "chaos/faults/kill_worker.hpp"
#include "chaos/relay/control.hpp"

namespace ordeal::chaos {
namespace {

namespace runtime = pool::runtime;
namespace fs = std::filesystem;
using trial::time_now;

constexpr milliseconds sample_every{20};
constexpr std::size_t samples_max = 4096;
// In the environment of all that the run starts.
constexpr const char* mark = "ORDEAL_SOAK";
constexpr WireMode wire_modes[] = {WireMode::wrong_id, WireMode::garbage,   WireMode::truncate,
                                   WireMode::oversize, WireMode::duplicate, WireMode::flip_bit,
                                   WireMode::split,    WireMode::stray,     WireMode::stale,
                                   WireMode::delay};

std::uint64_t count_descriptors() {
  std::uint64_t count = 0;
  for (const auto& entry : fs::directory_iterator{"/proc/self/fd"}) {
    (void)entry;
    ++count;
  }
  return count;
}

std::uint32_t serving(const pool::Status& status) {
  return static_cast<std::uint32_t>(
      std::count_if(status.workers.begin(), status.workers.end(), serves));
}

struct Arm {
  std::shared_ptr<HeldPool> held = std::make_shared<HeldPool>();
  pool::Subscription subscription;
  std::optional<CountedLoad> load;
  std::uint32_t size = 0;
};

class Soak {
 public:
  Soak(const SoakPlan& plan, const std::function<void(const SoakResult&)>& on_progress)
      : plan_(plan), on_progress_(on_progress), random_(plan.seed ^ 0x50a4) {}
  pool::Result<SoakResult> run();

 private:
  pool::Result<void> make_folder();
  pool::Result<void> start(Arm& arm, pool::Options options);
  [[nodiscard]] pool::Options common_options() const;
  pool::Result<void> start_pools();
  void load(Arm& arm, std::uint32_t callers);
  void drive();
  void kill_one();
  void damage_one();
  void settle_damage();
  void sample();
  void await_whole();
  void read_executions();
  void stop_pools();
  void find_left_behind();

  const SoakPlan& plan_;
  const std::function<void(const SoakResult&)>& on_progress_;
  pool::core::Random random_;
  std::string folder_;
  Arm forked_, relayed_;
  // One for both pools: the main thread waits here.
  std::shared_ptr<runtime::WakeWord> wake_ = std::make_shared<runtime::WakeWord>();
  std::shared_ptr<CallsLeft> calls_;
  std::shared_ptr<RelayControl> damaged_;
  std::uint64_t touched_before_ = 0;
  std::uint64_t sample_stride_ = 1, sample_turn_ = 0;
  SoakResult result_;
};

pool::Result<SoakResult> Soak::run() {
  if (auto made = make_folder(); !made) return tl::unexpected(std::move(made.error()));
  result_.fds_before = count_descriptors();
  if (auto started = start_pools(); !started) {
    forked_.held->pool.reset();
    fs::remove_all(folder_);
    return tl::unexpected(std::move(started.error()));
  }
  result_.fds_begun = count_descriptors();
  calls_ = std::make_shared<CallsLeft>(plan_.requests);
  load(forked_, plan_.callers);
  load(relayed_, plan_.relayed_callers);
  drive();
  await_whole();
  result_.fds_ended = count_descriptors();
  stop_pools();
  find_left_behind();
  read_executions();
  result_.fds_after = count_descriptors();
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
  return std::move(result_);
}

pool::Result<void> Soak::make_folder() {
  folder_ = fs::temp_directory_path() / "ordeal-soak-XXXXXX";
  if (mkdtemp(folder_.data()) == nullptr) {
    return tl::unexpected(
        pool::make_error(pool::ErrorCode::spawn_failed, folder_ + ": cannot make"));
  }
  std::error_code failed;
  fs::create_directory(folder_ + "/relay", failed);
  if (!failed) return {};
  return tl::unexpected(
      pool::make_error(pool::ErrorCode::spawn_failed, folder_ + ": " + failed.message()));
}

// Workers that die before they have answered anything are starts that fail, to a pool; here that
// is the daily business of one that is killed twenty times a second.
pool::Options Soak::common_options() const {
  pool::Options options;
  options.environment[mark] = folder_;
  options.start_failures_max = 1'000;
  options.start_backoff_base = milliseconds{1};
  options.start_backoff_max = milliseconds{20};
  options.quarantine_grace = milliseconds{100};
  options.seed = plan_.seed;
  return options;
}

pool::Result<void> Soak::start(Arm& arm, pool::Options options) {
  arm.size = options.size;
  auto started = pool::Pool::start(std::move(options));
  if (!started) return tl::unexpected(std::move(started.error()));
  arm.held->pool.emplace(std::move(*started));
  arm.subscription = arm.held->pool->subscribe([wake = wake_](const pool::PoolEvent& event) {
    if (event.what == "worker_transition" && event.from == "initializing") wake->notify();
  });
  return {};
}

pool::Result<void> Soak::start_pools() {
  pool::Options forked = common_options();
  forked.name = "soak-forked";
  forked.command = {"python3", plan_.bridge, "--faults"};
  forked.fork_template = true;
  forked.size = plan_.workers;
  if (auto started = start(forked_, forked); !started) return started;
  pool::Options relayed = common_options();
  relayed.name = "soak-relayed";
  relayed.command = {plan_.relay_program, "--control",  folder_ + "/relay", "--",
                     "python3",           plan_.bridge, "--faults"};
  relayed.size = plan_.relayed_workers;
  return start(relayed_, relayed);
}

void Soak::load(Arm& arm, std::uint32_t callers) {
  CountedOptions options{.callers = callers, .deadline = plan_.deadline, .seed = random_.next()};
  options.mix.slow_percent = 1;
  options.mix.slow_pause_min = milliseconds{1};
  options.mix.slow_pause_max = milliseconds{3};
  options.mix.rest_percent = 0;
  if (plan_.sabotage == "no-retries") options.retries = 0;
  arm.load.emplace(*arm.held->pool, options, calls_, [wake = wake_] { wake->notify(); });
}

void Soak::drive() {
  const TimePoint began = time_now();
  TimePoint kill_at = began + plan_.kill_every;
  TimePoint wire_at = began + plan_.wire_every;
  TimePoint sample_at = began;
  while (true) {
    const std::uint32_t ticket = wake_->ticket();
    const TimePoint now = time_now();
    TimePoint next = std::min(forked_.load->sweep(now), relayed_.load->sweep(now));
    if (forked_.load->all_ended() && relayed_.load->all_ended()) break;
    // The kills are due by the clock, but never two at once after a stall of this thread.
    if (now >= kill_at) {
      kill_one();
      kill_at = std::max(kill_at + plan_.kill_every, now);
    }
    if (now >= wire_at) {
      settle_damage();
      damage_one();
      wire_at = now + plan_.wire_every;
    }
    if (now >= sample_at) {
      sample();
      sample_at = now + sample_every;
    }
    next = std::min({next, kill_at, wire_at, sample_at});
    wake_->wait_until(runtime::to_instant(next), ticket);
  }
  settle_damage();
  result_.lasted = std::chrono::duration_cast<milliseconds>(time_now() - began);
  sample();
}

void Soak::kill_one() {
  KillWorker kill{.target = {.rule = Target::Rule::busiest}};
  if (plan_.sabotage == "spare-workers") kill.signal = 0, kill.proof_max = milliseconds{20};
  const auto look = [this] { return forked_.held->pool->status(); };
  const std::vector<WorkerId> chosen = choose(kill.target, look(), random_);
  if (chosen.empty()) {
    ++result_.kills_skipped;
    return;
  }
  Victim victim = hold(chosen.front(), kill.target, look);
  if (victim.state == Victim::State::selected) inject(victim, kill);
  if (victim.state == Victim::State::skipped) {
    ++result_.kills_skipped;
    return;
  }
  prove(victim, kill);
  ++(victim.state == Victim::State::proved ? result_.kills : result_.kills_unproved);
}

void Soak::damage_one() {
  const std::vector<WorkerId> chosen =
      choose({.rule = Target::Rule::one}, relayed_.held->pool->status(), random_);
  if (!chosen.empty()) damaged_ = map_relay(folder_ + "/relay", chosen.front().pid, false);
  if (!damaged_) {
    ++result_.wire_skipped;
    return;
  }
  touched_before_ = damaged_->frames_touched.load();
  const WireMode mode = wire_modes[random_.below(std::size(wire_modes))];
  damaged_->a = mode == WireMode::delay || mode == WireMode::split ? 10 : 1;
  damaged_->b = 1;
  damaged_->seed = random_.next();
  damaged_->frames_left.store(1);
  damaged_->mode.store(static_cast<std::uint32_t>(mode));
}

void Soak::settle_damage() {
  if (!damaged_) return;
  const bool touched = damaged_->frames_touched.load() > touched_before_;
  ++(touched ? result_.wire_faults : result_.wire_untouched);
  damaged_->mode.store(0);
  damaged_ = nullptr;
}

void Soak::sample() {
  result_.forked = forked_.load->totals();
  result_.relayed = relayed_.load->totals();
  if (on_progress_) on_progress_(result_);
  if (plan_.sabotage == "leak-fds" && result_.samples.size() < 50) {
    (void)!open("/dev/null", O_RDONLY | O_CLOEXEC);
  }
  if (sample_turn_++ % sample_stride_ != 0) return;
  const auto stat = read_proc_stat(getpid());
  result_.samples.push_back({result_.forked.sent + result_.relayed.sent, stat ? stat->rss_kib : 0});
  if (result_.samples.size() < samples_max) return;
  std::size_t kept = 0;  // every other one from now on
  for (std::size_t i = 0; i < result_.samples.size(); i += 2) {
    result_.samples[kept++] = result_.samples[i];
  }
  result_.samples.resize(kept);
  sample_stride_ *= 2;
}

void Soak::await_whole() {
  const TimePoint until = time_now() + plan_.recovery_max;
  const auto is_whole = [](const Arm& arm) {
    const pool::Status status = arm.held->pool->status();
    return serving(status) == arm.size && status.terminating == 0 && status.starting == 0;
  };
  while (true) {
    const std::uint32_t ticket = wake_->ticket();
    result_.whole = is_whole(forked_) && is_whole(relayed_);
    if (result_.whole || time_now() >= until) return;
    // The end of a worker is no event of ours: look again soon.
    const TimePoint soon = std::min(until, time_now() + sample_every);
    wake_->wait_until(runtime::to_instant(soon), ticket);
  }
}

void Soak::stop_pools() {
  result_.threads_left_behind = forked_.load->left_behind() || relayed_.load->left_behind();
  for (Arm* arm : {&forked_, &relayed_}) {
    arm->load.reset();
    arm->subscription.reset();
    if (!stop_pool(arm->held)) result_.stop_returned = false;
  }
  result_.threads_left_behind |= !result_.stop_returned;
}

// Ours are the children, and whoever carries the mark, whoever its parent is by now.
void Soak::find_left_behind() {
  for (const ProcessSeen& process : children_of_this_process()) {
    result_.left_behind.push_back(fmt::format("{} {}", process.pid, process.name));
  }
  const std::string wanted = fmt::format("{}={}", mark, folder_);
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator{"/proc", ignored}) {
    const std::string pid = entry.path().filename();
    if (pid.find_first_not_of("0123456789") != pid.npos) continue;
    std::ifstream stream{entry.path() / "environ", std::ios::binary};
    const std::string text{std::istreambuf_iterator<char>{stream}, {}};
    if (text.find(wanted) == text.npos) continue;
    result_.left_behind.push_back(
        fmt::format("{} {}", pid, look_at_process(std::atoi(pid.c_str())).name));
  }
}

void Soak::read_executions() {
  std::ifstream lines{executions_file(folder_ + "/relay")};
  std::vector<trial::Nonce> once;
  for (std::string line; std::getline(lines, line);) {
    const auto nonce = trial::find_nonce(fmt::format(R"({{"nonce":"{}"}})", line));
    if (nonce && !is_idempotent(*nonce)) once.push_back(*nonce);
  }
  std::sort(once.begin(), once.end());
  for (std::size_t i = 1; i < once.size(); ++i) {
    if (once[i] == once[i - 1]) ++result_.executed_twice;
  }
}

}  // namespace

pool::Result<SoakResult> run_soak(const SoakPlan& plan,
                                  const std::function<void(const SoakResult&)>& on_progress) {
  return Soak{plan, on_progress}.run();
}

}  // namespace ordeal::chaos
