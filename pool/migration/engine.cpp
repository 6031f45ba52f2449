#include "pool/migration/engine.hpp"

#include <utility>

#include <fmt/format.h>

#include "pool/runtime/callback_thread.hpp"

namespace ordeal::pool::migration {
namespace {

constexpr std::uint64_t parts_of_whole = 1'000'000;
constexpr std::size_t places_max = 64;
constexpr std::uint32_t shadow_percent = 90;

std::chrono::nanoseconds latency_of(const Answer& answer) {
  return answer ? answer->queued + answer->service : std::chrono::nanoseconds{0};
}

// A request that was sent to both, until both have answered.
struct Pair {
  std::mutex mutex;
  std::optional<Answer> of_old, of_new;
};

// What one version did in a shadow.
struct Side {
  std::uint64_t answered = 0;
  std::uint64_t failed = 0;
  runtime::RecentLatencies latencies{latencies_kept};

  void add(const Answer& answer) {
    ++answered;
    if (answer) {
      latencies.add(latency_of(answer));
    } else {
      ++failed;
    }
  }
  [[nodiscard]] VersionFigures figures() const {
    return {
        .answered = answered, .failed = failed, .latency = latencies.percentile(shadow_percent)};
  }
};

}  // namespace

struct Engine::Shared {
  Shared(Pool pool, MigrationOptions chosen)
      : new_pool(std::move(pool)), options(std::move(chosen)), random(options.seed) {
    if (options.rollout) {
      figures.state = MigrationState::rolling_out;
      rollout.emplace(*options.rollout, options.seed, std::chrono::steady_clock::now());
    }
  }

  struct Route {
    bool to_new = false;  // the new version answers
    bool twice = false;   // the new version's answer is compared
  };
  // Counts the request; the new version's part of it is in flight from here on.
  [[nodiscard]] Route route(const CallOptions& call);
  void new_one_answered(const Answer& answer);
  void old_one_answered(const Answer& answer);
  void answered(Version version, const Answer& answer);
  // The second answer hands the pair to the worker thread.
  void add(const std::shared_ptr<Pair>& pair, Version version, Answer answer);
  void compare_now(Pair& pair);

  Pool new_pool;
  const MigrationOptions options;

  mutable std::mutex mutex;
  std::condition_variable changed;  // work, in_flight_new, stopping
  core::Random random;
  std::optional<Rollout> rollout;
  MigrationReport figures;  // of it: the counts and the state
  Side old_side, new_side;
  std::uint64_t in_flight_new = 0;  // requests that the new version has not answered yet
  std::uint64_t pairs = 0;          // begun and not yet compared, or given up
  std::deque<std::shared_ptr<Pair>> to_compare;
  bool over = false;   // the rollout is: the worker thread has to act on it
  bool acted = false;  // and has
  bool stopping = false;
};

Engine::Shared::Route Engine::Shared::route(const CallOptions& call) {
  const std::lock_guard lock(mutex);
  ++figures.requests;
  if (stopping) return {};
  Route chosen;
  switch (figures.state) {
    case MigrationState::shadowing:
      if (!call.session.empty()) {
        ++figures.kept_for_session;
      } else if (!call.idempotent && !options.shadow_effects) {
        ++figures.kept_for_effects;
      } else {
        const auto parts = static_cast<std::uint64_t>(options.share * parts_of_whole + 0.5);
        chosen.twice = random.chance(parts, parts_of_whole);
      }
      break;
    case MigrationState::rolling_out:
    case MigrationState::rolling:
      if (!call.session.empty()) {
        ++figures.kept_for_session;
      } else {
        chosen.to_new = rollout->next() == Version::new_one;
      }
      break;
    case MigrationState::done:
    case MigrationState::rolled_back:
      break;
  }
  if (chosen.to_new || chosen.twice) ++in_flight_new;
  if (chosen.twice) ++pairs;
  return chosen;
}

void Engine::Shared::answered(Version version, const Answer& answer) {
  if (!says_something(answer)) return;
  if (!rollout) {
    (version == Version::new_one ? new_side : old_side).add(answer);
    return;
  }
  rollout->record(version, !answer, latency_of(answer), std::chrono::steady_clock::now());
  if (over || rollout->state() == Rollout::State::running) return;
  over = true;
  if (rollout->state() == Rollout::State::failed) {
    figures.state = MigrationState::rolled_back;
    figures.reason = rollout->reason();
  } else {
    figures.state = MigrationState::rolling;
  }
}

void Engine::Shared::old_one_answered(const Answer& answer) {
  const std::lock_guard lock(mutex);
  answered(Version::old_one, answer);
  changed.notify_all();
}

void Engine::Shared::new_one_answered(const Answer& answer) {
  const std::lock_guard lock(mutex);
  --in_flight_new;
  answered(Version::new_one, answer);
  changed.notify_all();
}

void Engine::Shared::add(const std::shared_ptr<Pair>& pair, Version version, Answer answer) {
  bool whole = false;
  {
    const std::lock_guard lock(pair->mutex);
    (version == Version::new_one ? pair->of_new : pair->of_old).emplace(std::move(answer));
    whole = pair->of_new && pair->of_old;
  }
  if (!whole) return;
  const std::lock_guard lock(mutex);
  if (to_compare.size() < compare_queue_max) {
    to_compare.push_back(pair);
  } else {
    ++figures.not_compared;
    --pairs;
  }
  changed.notify_all();
}

// Both answers are there, so nobody else touches the pair.
void Engine::Shared::compare_now(Pair& pair) {
  const bool comparable = says_something(*pair.of_old) && says_something(*pair.of_new);
  const auto found =
      comparable ? compare(*pair.of_old, *pair.of_new, options.compare) : std::vector<Difference>{};
  const std::lock_guard lock(mutex);
  --pairs;
  if (!comparable) {
    ++figures.not_compared;
    return;
  }
  ++figures.compared;
  if (found.empty()) ++figures.alike;
  std::map<DifferenceKind, bool> kinds;
  for (const Difference& difference : found) {
    kinds[difference.kind] = true;
    const std::pair key{difference.kind, difference.place};
    if (const auto known = figures.by_place.find(key); known != figures.by_place.end()) {
      ++known->second;
    } else if (figures.by_place.size() < places_max) {
      figures.by_place.emplace(key, 1);
    }
  }
  for (const auto& [kind, seen] : kinds) ++figures.by_kind[kind];
}

Engine::Engine(Pool& old_pool, Pool new_pool, MigrationOptions options)
    : old_pool_(old_pool),
      shared_(std::make_shared<Shared>(std::move(new_pool), std::move(options))),
      worker_(runtime::start_quiet_thread("ordeal-migrate", [this] { work(); })) {}

Engine::~Engine() { stop(); }

Result<Ticket> Engine::call_async(std::string_view command, JsonText arguments,
                                  const CallOptions& options, Pool::Callback callback) {
  const Shared::Route route = shared_->route(options);
  if (route.to_new) {
    auto ticket = shared_->new_pool.call_async(
        command, arguments, options,
        [shared = shared_, callback = std::move(callback)](Answer answer) {
          shared->new_one_answered(answer);
          callback(std::move(answer));
        });
    if (!ticket) shared_->new_one_answered(tl::unexpected(ticket.error()));
    return ticket;
  }
  if (!route.twice) {
    return old_pool_.call_async(command, arguments, options,
                                [shared = shared_, callback = std::move(callback)](Answer answer) {
                                  shared->old_one_answered(answer);
                                  callback(std::move(answer));
                                });
  }
  const auto pair = std::make_shared<Pair>();
  auto ticket =
      old_pool_.call_async(command, arguments, options,
                           [shared = shared_, pair, callback = std::move(callback)](Answer answer) {
                             shared->old_one_answered(answer);
                             shared->add(pair, Version::old_one, answer);
                             callback(std::move(answer));
                           });
  if (!ticket) shared_->add(pair, Version::old_one, tl::unexpected(ticket.error()));
  CallOptions shadow = options;
  shadow.stop_token = {};  // who gives up gives up the answer, not the comparison
  auto second = shared_->new_pool.call_async(
      command, arguments, shadow, [shared = shared_, pair](Answer answer) {
        shared->new_one_answered(answer);
        shared->add(pair, Version::new_one, std::move(answer));
      });
  if (!second) {
    shared_->new_one_answered(tl::unexpected(second.error()));
    shared_->add(pair, Version::new_one, tl::unexpected(second.error()));
  }
  return ticket;
}

// The worker thread: compares, and acts when a rollout is over. Ends when nothing is left and
// stop() was called.
void Engine::work() {
  Shared& shared = *shared_;
  std::unique_lock lock(shared.mutex);
  for (;;) {
    shared.changed.wait(lock, [&] {
      return !shared.to_compare.empty() || (shared.over && !shared.acted) ||
             (shared.stopping && shared.pairs == 0 && shared.in_flight_new == 0);
    });
    if (!shared.to_compare.empty()) {
      const std::shared_ptr<Pair> pair = std::move(shared.to_compare.front());
      shared.to_compare.pop_front();
      lock.unlock();
      shared.compare_now(*pair);
      lock.lock();
    } else if (shared.over && !shared.acted) {
      shared.acted = true;
      const bool passed = shared.figures.state == MigrationState::rolling;
      lock.unlock();
      if (passed) roll();
      lock.lock();
      shared.changed.wait(lock, [&] { return shared.in_flight_new == 0; });
      lock.unlock();
      static_cast<void>(shared.new_pool.stop(shared.new_pool.options().stop_grace));
      lock.lock();
    } else {
      return;
    }
  }
}

// Until the pool's own workers run the new version, the pool of the new version answers.
void Engine::roll() {
  const auto rolled = old_pool_.roll(shared_->options.program, shared_->options.roll_timeout);
  const std::lock_guard lock(shared_->mutex);
  if (rolled) {
    shared_->figures.state = MigrationState::done;
  } else {
    shared_->figures.state = MigrationState::rolled_back;
    shared_->figures.reason = "the pool could not be rolled: " + rolled.error().message;
  }
}

void Engine::stop() {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->stopping = true;
    shared_->changed.notify_all();
  }
  if (worker_.joinable()) worker_.join();
  static_cast<void>(shared_->new_pool.stop(shared_->new_pool.options().stop_grace));
}

MigrationReport Engine::report() const {
  const std::lock_guard lock(shared_->mutex);
  MigrationReport report = shared_->figures;
  if (const auto& rollout = shared_->rollout) {
    report.share = report.state == MigrationState::done ? 1 : rollout->share();
    report.stage = rollout->stage();
    report.old_version = rollout->figures(Version::old_one);
    report.new_version = rollout->figures(Version::new_one);
  } else {
    report.share = shared_->options.share;
    report.old_version = shared_->old_side.figures();
    report.new_version = shared_->new_side.figures();
  }
  return report;
}

}  // namespace ordeal::pool::migration
