// Experiments from seeds. As in swarm testing, each has its own subset of features and faults.
#include <array>

#include "chaos/experiment/simulated_keys.hpp"
#include "chaos/hunt/hunt.hpp"
#include "pool/core/random.hpp"

namespace ordeal::chaos {
namespace {

using pool::core::Random;
using std::chrono::milliseconds;

constexpr std::uint64_t hunt_salt = 0x4847;

template <typename T, std::size_t N>
T one_of(Random& random, const T (&values)[N]) {
  return values[random.below(N)];
}

std::uint32_t from(Random& random, std::int64_t low, std::int64_t high) {
  return static_cast<std::uint32_t>(random.between(low, high));
}

milliseconds ms(Random& random, std::initializer_list<std::int64_t> values) {
  return milliseconds{*(values.begin() + random.below(values.size()))};
}

// More than half are off; the others rare, usual or frequent.
std::uint32_t rate(Random& random) {
  if (random.chance(3, 5)) return 0;
  return one_of(random, {2U, 10U, 50U, 200U});
}

void draw_breaker(Random& random, Plan& plan) {
  if (random.chance(1, 2)) return;
  auto& b = plan.pool.breaker;
  b.enabled = true;
  b.rule = static_cast<pool::BreakerRule>(random.below(3));
  b.failures = from(random, 1, 5);
  b.successes = from(random, 1, 5);
  b.half_open_max = from(random, 1, 3);
  b.half_open = ms(random, {2, 20, 200});
  b.open = ms(random, {1, 10, 50});
  b.open_max = milliseconds{100};
  b.open_growth_percent = one_of(random, {100U, 150U, 200U});
  b.open_jitter_percent = one_of(random, {0U, 20U});
  b.window_calls = from(random, 1, 20);
  b.window = ms(random, {5, 50});
  b.window_slices = from(random, 1, 5);
  b.min_calls = from(random, 1, b.window_calls);
  b.failure_percent = one_of(random, {10U, 50U, 100U});
  b.slow_call = ms(random, {0, 0, 4});
  b.slow_percent = one_of(random, {30U, 100U});
  plan.simulated.circuits = from(random, 1, 3);
  plan.simulated.order_parts = rate(random) / 4;
  plan.simulated.rates.callers_fault = one_of(random, {0U, 500U});
}

void draw_operations(Random& random, Plan& plan) {
  if (random.chance(1, 2)) return;
  auto& o = plan.pool;
  plan.simulated.operation_parts = rate(random);
  plan.simulated.bad_programs = random.chance(1, 2);
  o.replace_parallel_max = from(random, 1, 3);
  o.retire_after_requests = one_of<std::uint64_t>(random, {0, 1, 5, 30});
  o.retire_after = ms(random, {0, 20, 200});
  o.retire_stagger_percent = one_of(random, {0U, 25U, 100U});
  o.retire_rss_growth_kib = one_of<std::uint64_t>(random, {0, 1});
  o.retire_rss_window = 4;
}

// Against overload, each by itself. Half of the seeds have none.
void draw_protection(Random& random, pool::Options& o) {
  if (random.chance(1, 2)) return;
  o.reject_late = random.chance(1, 2);
  o.shed_target = ms(random, {0, 0, 1, 2});
  o.shed_interval = ms(random, {4, 20});
  o.lease_limit = ms(random, {0, 1, 5});
  o.limit.max = one_of(random, {0U, 0U, 6U, 64U});
  o.limit.min = from(random, 1, 3);
  o.limit.tolerance_percent = one_of(random, {100U, 150U, 200U});
}

// Workers that are stuck, and those that stand out.
void draw_watching(Random& random, Plan& plan) {
  auto& o = plan.pool;
  o.stuck_kill = static_cast<pool::StuckKill>(random.below(3));
  o.stack_grace = ms(random, {0, 1, 5});
  o.start_extensions_max = from(random, 0, 2);
  if (random.chance(1, 2)) return;
  o.outliers = {.interval = ms(random, {0, 10, 50}),
                .time = milliseconds{5},
                .time_max = milliseconds{20},
                .requests_min = from(random, 1, 5),
                .failure_percent = from(random, 1, 60),
                .slow_percent = one_of(random, {0U, 120U, 300U}),
                .share_percent = from(random, 10, 90),
                .healthy_min = from(random, 1, 2)};
}

// What goes wrong by itself. A quarter of the seeds leave all of that to the schedule.
void draw_weather(Random& random, SimulatedLoad& load) {
  if (random.chance(1, 4)) return;
  for (const SimulatedRate& fault : simulated_rates()) {
    if (fault.is_fault) fault.of(load) = rate(random);
  }
  load.rates.locks *= 4;  // of those that hang
}

void draw_pool(Random& random, pool::Options& o) {
  o.command = {"{relay}", "--control",     "{relay_folder}", "--",
               "python3", "{mock_bridge}", "--faults"};
  o.size = from(random, 1, 4);
  o.overflow = from(random, 0, 2);
  o.queue_max = one_of(random, {1U, 2U, 8U, 64U, 1000U, 1000U});
  o.starts_parallel_max = from(random, 1, 4);
  o.start_failures_max = from(random, 1, 4);
  o.slots_max = one_of(random, {1U, 1U, 4U});
  o.history_max = one_of(random, {1U, 3U, 8U, 32U});
  o.start_timeout = milliseconds{200};
  o.overflow_idle_timeout = milliseconds{20};
  o.quarantine_grace = milliseconds{10};
  o.ask_grace = o.terminate_grace = milliseconds{50};
  o.start_backoff_base = milliseconds{2};
  o.start_backoff_max = milliseconds{100};
  o.health_interval = ms(random, {0, 0, 10, 50});
  o.health_timeout = ms(random, {1, 2, 10});
  o.health_failures_max = from(random, 1, 4);
  o.retry.base_delay = milliseconds{2};
  o.retry.max_delay = milliseconds{50};
  o.retry.poison_deaths_max = from(random, 1, 3);
  o.retry.budget_percent = one_of(random, {0U, 20U, 100U});
  o.retry.budget_max = one_of(random, {0U, 3U, 100U, 1000U});
  o.retry.budget_per_second = one_of(random, {0U, 1U, 10U, 1000U});
  o.affinity_wait = ms(random, {0, 2, 20});
  o.affinity_timeout = ms(random, {5, 50, 10'000});
  o.affinity_bindings_max = one_of(random, {1U, 4U, 10'000U});
}

void draw_load(Random& random, Plan& plan) {
  SimulatedLoad& load = plan.simulated;
  plan.load.callers = from(random, 1, 16);
  plan.load.duration = ms(random, {100, 300, 1000});
  plan.load.deadline = ms(random, {5, 50, 100, 500});
  plan.load.deadline_min = milliseconds{1};  // as in virtual time
  plan.load.sessions = one_of(random, {0U, 1U, 3U, 8U});
  plan.quiet = milliseconds{0};
  load.requests_max = 300;
  load.idempotent_parts = one_of(random, {0U, 300U, 1000U, 1000U});
  load.retry_parts = one_of(random, {0U, 300U, 1000U, 1000U});
  load.cancel_parts = rate(random);
  load.lease_parts = rate(random);
  load.rates.application_error = rate(random);
  load.race_parts = rate(random);
  load.extreme_parts = rate(random);
  load.session_end_parts = rate(random);
  load.session_parts = one_of(random, {100U, 500U, 1000U});
  load.strict_parts = one_of(random, {0U, 500U, 1000U});
  load.stateful_parts = one_of(random, {0U, 0U, 200U});
  // What processes can do of it.
  plan.load.idempotent = load.idempotent_parts > 0U;
  plan.load.retries = plan.load.idempotent && load.retry_parts > 0U ? 3 : 0;
  load.stop_under_load = random.chance(1, 4);
  load.stop_again = random.chance(1, 3);
  load.stop_grace_max_ms = one_of(random, {5U, 50U, 500U, 2'000U});
  load.look_closely = random.chance(2, 3);
  load.run_twice = random.chance(1, 8);
  load.part_steps = one_of(random, {0U, 0U, 0U, 0U, 0U, 2'000U});
}

Target draw_target(Random& random) {
  using Rule = Target::Rule;
  const auto rule = one_of(random, {Rule::one, Rule::busiest, Rule::busiest, Rule::oldest,
                                    Rule::idle, Rule::all, Rule::random});
  return {.rule = rule, .count = rule == Rule::random ? 2U : 1U};
}

void draw_faults(Random& random, Plan& plan, const Registry& registry) {
  std::vector<const FaultKind*> kinds;
  for (const FaultKind& kind : registry.kinds()) {
    const FaultEntry entry{.kind = &kind, .values = kind.defaults()};
    if (kind.in_simulation && !to_planned(entry, milliseconds{0}).empty()) kinds.push_back(&kind);
  }
  const std::uint64_t wanted = random.chance(1, 3) ? 0 : random.below(13);
  for (std::uint64_t i = 0; i < wanted; ++i) {
    FaultEntry entry{.kind = kinds[random.below(kinds.size())]};
    entry.values = entry.kind->defaults();
    for (const char* count : {"frames", "starts"}) {
      if (entry.values.contains(count)) entry.values[count] = random.between(1, 4);
    }
    entry.target = draw_target(random);
    // Early, since so few requests are soon through.
    entry.at = milliseconds{random.between(1, plan.load.duration.count() / 2)};
    entry.duration = ms(random, {5, 20, 60, 200});
    entry.overlap = true;
    plan.faults.push_back(std::move(entry));
  }
}

}  // namespace

Plan draw_hunt(std::uint64_t seed, const Registry& registry) {
  for (std::uint64_t again = 0;; ++again) {
    Random random{(seed << 8U) ^ again ^ hunt_salt};
    Plan plan;
    plan.title = "found by a hunt";
    plan.seed = seed;
    draw_pool(random, plan.pool);
    plan.pool.seed = seed;
    draw_load(random, plan);
    draw_breaker(random, plan);
    draw_operations(random, plan);
    draw_protection(random, plan.pool);
    draw_watching(random, plan);
    draw_weather(random, plan.simulated);
    draw_faults(random, plan, registry);
    plan.bars = {.calls_min = 1, .ok_percent_min = 0, .promises = true};
    plan.written = plan.faults.size();
    plan.with_relay = true;
    draw_schedule(plan);
    if (pool::validate(plan.pool)) return plan;
  }
}

}  // namespace ordeal::chaos
