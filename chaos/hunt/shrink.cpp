// From a schedule that fails to the least that fails alike.
#include <algorithm>
#include <functional>

#include "chaos/experiment/simulated_keys.hpp"
#include "chaos/hunt/hunt.hpp"

namespace ordeal::chaos {
namespace {

using std::chrono::milliseconds;

class Shrinker {
 public:
  Shrinker(Plan plan, const std::string& error, TimePoint until, const HuntWorld& world)
      : best_(std::move(plan)), signature_(world.signature(error)), until_(until), world_(world) {}

  Plan run() {
    bool less = true;
    while (less && !over()) {
      less = false;
      less |= calmer(true);
      less |= drop_faults();
      less |= weaken();
      less |= shorten();
      less |= snap();
      less |= calmer(false);
      less |= drop_flags();
      if (!world_.less_load) continue;
      less |= fewer_workers();
      less |= less_load();
    }
    return std::move(best_);
  }
  [[nodiscard]] std::uint64_t tried() const { return tried_; }

 private:
  using Change = std::function<void(Plan&)>;
  [[nodiscard]] bool over() const { return trial::time_now() >= until_; }

  // Keeps the change if the promise is still broken. In virtual time the world's other draws move
  // when anything is taken away, so a candidate gets a few seeds; real processes are not the same
  // twice, so there it gets a few tries.
  bool attempt(const Change& change) { return attempt(change, world_.tries); }
  bool attempt(const Change& change, std::uint64_t tries) {
    if (over()) return false;
    Plan candidate = best_;
    change(candidate);
    if (to_text(candidate) == to_text(best_) || !pool::validate(candidate.pool)) return false;
    candidate.written = candidate.faults.size();
    const std::uint64_t seed = candidate.seed;
    for (std::uint64_t i = 0; i < tries && !over(); ++i) {
      candidate.seed = i == 0 || !world_.vary_seeds ? seed : i;
      candidate.pool.seed = candidate.seed;
      draw_schedule(candidate);
      ++tried_;
      const std::string error = world_.what_breaks(candidate);
      if (error.empty() || world_.signature(error) != signature_) continue;
      best_ = std::move(candidate);
      return true;
    }
    return false;
  }

  bool drop_faults() {
    bool less = attempt([](Plan& plan) { plan.faults.clear(); });
    for (std::size_t i = best_.faults.size(); i-- > 0;) {
      if (i >= best_.faults.size()) continue;
      less |= attempt(
          [i](Plan& plan) {
            plan.faults.erase(plan.faults.begin() + static_cast<std::ptrdiff_t>(i));
          },
          count_faults(best_) > few_faults ? world_.tries_for_faults : world_.tries);
    }
    return less;
  }

  // What happens by itself: faults, or what is part of a load. First all of it, then one by one.
  bool calmer(bool faults) {
    const auto silence = [faults](Plan& plan, const SimulatedRate* only) {
      for (const SimulatedRate& rate : simulated_rates()) {
        if (rate.is_fault == faults && (only == nullptr || only == &rate)) {
          rate.of(plan.simulated) = 0;
        }
      }
    };
    if (attempt([&](Plan& plan) { silence(plan, nullptr); })) return true;
    bool less = false;
    for (const SimulatedRate& rate : simulated_rates()) {
      if (rate.is_fault != faults || rate.get(best_.simulated) == 0) continue;
      less |= attempt(
          [&](Plan& plan) { silence(plan, &rate); },
          faults && count_faults(best_) > few_faults ? world_.tries_for_faults : world_.tries);
    }
    return less;
  }

  bool each_fault(const std::function<void(FaultEntry&)>& change) {
    bool less = false;
    for (std::size_t i = 0; i < best_.faults.size(); ++i) {
      less |= attempt([&change, i](Plan& plan) { change(plan.faults[i]); });
    }
    return less;
  }

  bool weaken() {
    bool less = each_fault([](FaultEntry& entry) {
      if (entry.target.rule == Target::Rule::all || entry.target.count > 1) entry.target = Target{};
    });
    for (const char* count : {"frames", "starts"}) {
      less |= each_fault([count](FaultEntry& entry) {
        if (entry.values.contains(count)) entry.values[count] = 1;
      });
    }
    return less;
  }

  bool shorten() {
    return each_fault([](FaultEntry& entry) {
      if (entry.duration > milliseconds{1}) entry.duration /= 2;
    });
  }

  // To round times: a person reads them.
  bool snap() {
    bool less = false;
    for (const int step : {100, 10}) {
      less |= each_fault([step](FaultEntry& entry) {
        if (entry.at.count() % step != 0) entry.at = (entry.at / step) * step;
      });
    }
    return less;
  }

  bool fewer_workers() {
    return attempt([](Plan& plan) { plan.pool.size = 1; }) |
           attempt([](Plan& plan) { plan.pool.size -= plan.pool.size > 1 ? 1 : 0; }) |
           attempt([](Plan& plan) { plan.pool.overflow = 0; }) |
           attempt([](Plan& plan) { plan.pool.slots_max = 1; });
  }

  bool less_load() {
    static const Change changes[] = {
        [](Plan& p) { p.pool.breaker = {}, p.simulated.circuits = p.simulated.order_parts = 0; },
        [](Plan& p) { p.load.sessions = 0; },
        [](Plan& p) { p.simulated.retry_parts = p.load.retries = 0; },
        [](Plan& p) {
          p.simulated.idempotent_parts = p.load.retries = 0;
          p.load.idempotent = false;
        },
        [](Plan& p) { p.pool.health_interval = milliseconds{0}; },
        [](Plan& p) { p.pool.retire_after_requests = 0; },
        [](Plan& p) { p.pool.retire_after = milliseconds{0}; },
        [](Plan& p) { p.pool.retire_rss_growth_kib = 0; },
        [](Plan& p) {
          p.simulated.requests_max = std::max<std::uint64_t>(1, p.simulated.requests_max / 2);
        },
        [](Plan& p) {
          p.simulated.requests_max = std::max<std::uint64_t>(1, p.simulated.requests_max * 9 / 10);
        },
        [](Plan& p) { p.simulated.part_steps = 0; },
        [](Plan& p) { p.simulated.part_steps /= 2; },
        [](Plan& p) { p.load.callers = 1; },
        [](Plan& p) { p.load.callers = std::max(1U, p.load.callers / 2); },
        [](Plan& p) { p.load.callers -= p.load.callers > 1 ? 1 : 0; },
    };
    bool less = false;
    for (const Change& change : changes) less |= attempt(change);
    return less | fit_processes();
  }

  bool drop_flags() {
    bool less = false;
    for (const SimulatedFlag& flag : simulated_flags()) {
      less |= attempt([&flag](Plan& plan) { flag.of(plan.simulated) = false; });
    }
    return less;
  }

  // Real workers take longer to start, and a load of a tenth of a second strikes nobody.
  bool fit_processes() {
    return attempt([](Plan& plan) { plan.pool.start_timeout = milliseconds{5'000}; }) |
           attempt([](Plan& plan) {
             plan.load.duration = milliseconds{2'000};
             plan.quiet = milliseconds{500};
           });
  }

  Plan best_;
  std::string signature_;
  TimePoint until_;
  const HuntWorld& world_;
  std::uint64_t tried_ = 0;
};

}  // namespace

std::string signature_of(const std::string& error) {
  std::string text = error.substr(0, error.find(" (seed "));
  text.erase(std::remove_if(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }),
             text.end());
  return text;
}

Plan shrink(Plan plan, const std::string& error, TimePoint until, const HuntWorld& world,
            std::uint64_t& tried) {
  Shrinker shrinker{std::move(plan), error, until, world};
  Plan least = shrinker.run();
  tried = shrinker.tried();
  return least;
}

}  // namespace ordeal::chaos
