// Swarm testing: each seed draws its own subset of the faults, and its own configuration.
#include <array>

#include "testing/sim/simulation.hpp"

namespace ordeal::trial {

using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t watching_salt = 0x3a7c;
constexpr std::uint64_t ending_salt = 0x7e1d;
constexpr std::uint64_t swarm_salt = 0x5a47;  // draws of its own, apart from the run's

// More than half of the faults are off; the others are rare, usual or frequent.
std::uint32_t rate(pool::core::Random& random) {
  static constexpr std::array<std::uint32_t, 4> rates{2, 10, 50, 200};
  if (random.chance(3, 5)) return 0;
  return rates[random.below(rates.size())];
}

template <typename T, std::size_t N>
T one_of(pool::core::Random& random, const std::array<T, N>& values) {
  return values[random.below(N)];
}

// Short, so that a run sees them come and go. Half of the seeds have none.
void draw_breakers(pool::core::Random& random, SimulationOptions& o) {
  if (random.chance(1, 2)) return;
  pool::core::CircuitOptions& b = o.core.breaker;
  b.enabled = true;
  b.rule = static_cast<pool::BreakerRule>(random.below(3));
  b.failures = static_cast<std::uint32_t>(random.between(1, 5));
  b.successes = static_cast<std::uint32_t>(random.between(1, 5));
  b.half_open_max = static_cast<std::uint32_t>(random.between(1, 3));
  b.half_open_expiry =
      one_of<pool::core::Duration>(random, std::array<pool::core::Duration, 3>{2ms, 20ms, 200ms});
  b.open_base =
      one_of<pool::core::Duration>(random, std::array<pool::core::Duration, 3>{1ms, 10ms, 50ms});
  b.open_max = 100ms;
  b.growth_percent = one_of<std::uint32_t>(random, std::array{100U, 150U, 200U});
  b.jitter_percent = one_of<std::uint32_t>(random, std::array{0U, 20U});
  b.window_calls = static_cast<std::uint32_t>(random.between(1, 20));
  b.window = one_of<pool::core::Duration>(random, std::array<pool::core::Duration, 2>{5ms, 50ms});
  b.window_slices = static_cast<std::uint32_t>(random.between(1, 10));
  b.min_calls = static_cast<std::uint32_t>(random.between(1, b.window_calls));
  b.failure_percent = one_of<std::uint32_t>(random, std::array{10U, 50U, 100U});
  b.slow_call =
      one_of<pool::core::Duration>(random, std::array<pool::core::Duration, 3>{0ms, 0ms, 4ms});
  b.slow_percent = one_of<std::uint32_t>(random, std::array{30U, 100U});
  o.keys = static_cast<std::uint32_t>(random.between(1, 3));
  o.orders = rate(random) / 4;
  o.faults.callers_fault = one_of<std::uint32_t>(random, std::array{0U, 500U});
}

// Workers that come and go by order, count, age and memory. Half of the seeds have none of that.
void draw_operations(pool::core::Random& random, SimulationOptions& o) {
  if (random.chance(1, 2)) return;
  o.operations = rate(random);
  o.bad_programs = random.chance(1, 2);
  o.core.replace_parallel_max = static_cast<std::uint32_t>(random.between(1, 3));
  o.core.retire_requests = one_of<std::uint64_t>(random, std::array<std::uint64_t, 4>{0, 1, 5, 30});
  o.core.retire_age =
      one_of<pool::core::Duration>(random, std::array<pool::core::Duration, 3>{0ms, 20ms, 200ms});
  o.core.retire_stagger_percent = one_of<std::uint32_t>(random, std::array{0U, 25U, 100U});
  o.core.retire_memory.growth_kib =
      one_of<std::uint64_t>(random, std::array<std::uint64_t, 2>{0, 1});
  o.core.retire_memory.window_requests = 4;
}

// Against overload. Half of the seeds have none.
void draw_protection(pool::core::Random& random, SimulationOptions& o) {
  if (random.chance(1, 2)) return;
  using pool::core::Duration;
  o.core.reject_late = random.chance(1, 2);
  o.core.shed_target = one_of<Duration>(random, std::array<Duration, 4>{0ms, 0ms, 500us, 2ms});
  o.core.shed_interval = one_of<Duration>(random, std::array<Duration, 2>{4ms, 20ms});
  o.core.lease_limit = one_of<Duration>(random, std::array<Duration, 3>{0ms, 1ms, 5ms});
}

// With draws of their own, so that what is added here changes nothing else of a seed. Half of the
// seeds have no protection of this kind.
void draw_watching(pool::core::Random& random, SimulationOptions& o) {
  using pool::core::Duration;
  o.faults.locks = rate(random) * 4;
  o.faults.reports = rate(random);
  o.core.stuck_kill = static_cast<pool::StuckKill>(random.below(3));
  o.core.stack_grace =
      one_of<pool::core::Duration>(random, std::array<pool::core::Duration, 3>{0ms, 1ms, 5ms});
  o.core.start_extensions_max = static_cast<std::uint32_t>(random.below(3));
  if (random.chance(1, 2)) return;
  o.core.limit.max = one_of<std::uint32_t>(random, std::array{0U, 0U, 6U, 64U});
  o.core.limit.min = static_cast<std::uint32_t>(random.between(1, 3));
  o.core.outliers = {.interval = one_of<Duration>(random, std::array<Duration, 3>{0ms, 10ms, 50ms}),
                     .time = 5ms,
                     .time_max = 20ms,
                     .requests_min = static_cast<std::uint32_t>(random.between(1, 5)),
                     .failure_percent = static_cast<std::uint32_t>(random.between(0, 60)),
                     .slow_percent = one_of<std::uint32_t>(random, std::array{0U, 120U, 300U}),
                     .share_percent = static_cast<std::uint32_t>(random.between(10, 90)),
                     .healthy_min = static_cast<std::uint32_t>(random.between(1, 2))};
}

}  // namespace

SimulationOptions swarm(std::uint64_t seed) {
  pool::core::Random random(seed ^ swarm_salt);
  SimulationOptions o;
  o.core.size = static_cast<std::uint32_t>(random.between(1, 4));
  o.core.overflow = static_cast<std::uint32_t>(random.between(0, 2));
  o.core.queue_max = one_of<std::uint32_t>(random, std::array{0U, 2U, 8U, 64U, 1000U, 1000U});
  o.core.starts_parallel_max = static_cast<std::uint32_t>(random.between(1, 4));
  o.core.start_failures_max = static_cast<std::uint32_t>(random.between(1, 4));
  o.core.slots_max = one_of<std::uint32_t>(random, std::array{1U, 1U, 4U});
  o.core.history_max = 8;
  o.core.start_timeout = 200ms;
  o.core.overflow_idle_timeout = 20ms;
  o.core.quarantine_grace = 10ms;
  o.core.ask_grace = 50ms;
  o.core.terminate_grace = 50ms;
  o.core.certificate_wait = 20ms;
  o.core.start_backoff_base = 2ms;
  o.core.start_backoff_max = 100ms;
  for (std::uint32_t* fault : {&o.faults.spawn_fails,
                               &o.faults.start_exits,
                               &o.faults.start_faults,
                               &o.faults.start_hangs,
                               &o.faults.stubborn,
                               &o.faults.dies_idle,
                               &o.faults.dies_busy,
                               &o.faults.closes_stream,
                               &o.faults.hangs,
                               &o.faults.late,
                               &o.faults.violates,
                               &o.faults.stray,
                               &o.faults.unusable,
                               &o.faults.partial,
                               &o.faults.application_error,
                               &o.cancels,
                               &o.leases,
                               &o.faults.hangs_idle,
                               &o.faults.slow_ping,
                               &o.faults.ping_errors}) {
    *fault = rate(random);
  }
  o.core.health_interval = one_of<pool::core::Duration>(
      random, std::array<pool::core::Duration, 4>{0ms, 0ms, 10ms, 50ms});
  o.core.health_timeout =
      one_of<pool::core::Duration>(random, std::array<pool::core::Duration, 3>{500us, 2ms, 10ms});
  o.core.health_failures_max = static_cast<std::uint32_t>(random.between(1, 4));
  for (std::uint32_t* part : {&o.idempotents, &o.retries}) {
    *part = one_of<std::uint32_t>(random, std::array{0U, 300U, 1000U, 1000U});
  }
  o.core.poison_deaths_max = static_cast<std::uint32_t>(random.between(1, 3));
  o.core.retry_budget_percent = one_of<std::uint32_t>(random, std::array{0U, 20U, 100U});
  o.core.retry_budget_max = one_of<std::uint32_t>(random, std::array{0U, 3U, 100U, 1000U});
  o.core.retry_budget_per_second = one_of<std::uint32_t>(random, std::array{0U, 10U, 1000U});
  o.sessions = one_of<std::uint32_t>(random, std::array{0U, 1U, 3U, 8U});
  o.in_session = one_of<std::uint32_t>(random, std::array{100U, 500U, 1000U});
  o.strict = one_of<std::uint32_t>(random, std::array{0U, 500U, 1000U});
  o.stateful = one_of<std::uint32_t>(random, std::array{0U, 0U, 200U});
  o.core.affinity_wait =
      one_of<pool::core::Duration>(random, std::array<pool::core::Duration, 3>{0ms, 2ms, 20ms});
  o.core.affinity_timeout =
      one_of<pool::core::Duration>(random, std::array<pool::core::Duration, 3>{5ms, 50ms, 10s});
  o.core.affinity_bindings_max = one_of<std::uint32_t>(random, std::array{1U, 4U, 10'000U});
  o.clients = static_cast<std::uint32_t>(random.between(1, 16));
  o.requests = 300;
  o.calm_requests = 20;
  o.stop_under_load = random.chance(1, 4);
  o.budget_max = one_of<pool::core::Duration>(
      random, std::array<pool::core::Duration, 4>{5ms, 50ms, 100ms, 500ms});
  draw_breakers(random, o);
  draw_operations(random, o);
  draw_protection(random, o);
  o.races = rate(random);
  pool::core::Random watching(seed ^ watching_salt);
  draw_watching(watching, o);
  pool::core::Random ending(seed ^ ending_salt);
  o.session_ends = rate(ending);
  o.stop_again = ending.chance(1, 3);
  o.stop_grace_max = one_of<pool::core::Duration>(
      ending, std::array<pool::core::Duration, 4>{5ms, 50ms, 500ms, 2s});
  o.extremes = rate(ending);
  return o;
}

}  // namespace ordeal::trial
