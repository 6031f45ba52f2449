// Any walk through the core's contract keeps every promise of the oracle (testing/model).
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "pool/core/random.hpp"
#include "testing/cites/cites.hpp"
#include "testing/model/core_world.hpp"

namespace ordeal::pool::core {

// Both are found by RapidCheck through the argument's namespace.
void showValue(const CoreOptions& o, std::ostream& out) {
  out << "size " << o.size << ", overflow " << o.overflow << ", queue_max " << o.queue_max
      << ", starts_parallel_max " << o.starts_parallel_max << ", start_failures_max "
      << o.start_failures_max << ", slots_max " << o.slots_max << ", health_interval "
      << o.health_interval.count() << ", health_failures_max " << o.health_failures_max
      << ", affinity_wait " << o.affinity_wait.count() << ", affinity_timeout "
      << o.affinity_timeout.count() << ", affinity_bindings_max " << o.affinity_bindings_max;
}

}  // namespace ordeal::pool::core

namespace ordeal::trial {

void showValue(const CoreStep& step, std::ostream& out) {
  out << '{' << step.what << ", " << step.who << ", " << step.how << '}';
}

namespace {

using pool::core::CoreOptions;
using namespace std::chrono_literals;

rc::Gen<CoreStep> any_step() {
  return rc::gen::build<CoreStep>(rc::gen::set(&CoreStep::what, rc::gen::inRange(0U, step_kinds)),
                                  rc::gen::set(&CoreStep::who, rc::gen::inRange(0U, 64U)),
                                  rc::gen::set(&CoreStep::how, rc::gen::inRange(0U, 216U)));
}

// What the options are drawn from, each below its bound.
constexpr std::array<std::uint32_t, 7> knob_bounds{3, 3, 9, 3, 3, 12, 12};
using Knobs = std::array<std::uint32_t, knob_bounds.size()>;

CoreOptions options_of(const Knobs& knobs, std::uint32_t slots_max) {
  static constexpr std::array<pool::core::Duration, 3> waits{0ns, 1ms, 700ms};
  static constexpr std::array<pool::core::Duration, 3> timeouts{40ms, 2s, 5min};
  const auto& [size, overflow, queue_max, parallel, failures, health, retire] = knobs;
  CoreOptions o;
  o.health_interval = health % 3 * 400ms;  // every third without
  o.health_timeout = (1 + health % 2) * 70ms;
  o.health_failures_max = 1 + health % 4;
  o.stuck_kill = static_cast<pool::StuckKill>(retire % 3);
  o.stack_grace = failures % 2 * 30ms;
  o.start_extensions_max = parallel;
  o.size = 1 + size;
  o.limit = {.max = retire % 3 == 2 ? 1 + 2 * queue_max : 0,
             .min = 1 + (queue_max > 0 ? retire % 2 : 0)};
  o.outliers = {.interval = retire % 2 * 300ms,
                .time = 200ms,
                .time_max = 700ms,
                .requests_min = 1 + failures,
                .failure_percent = 40,
                .slow_percent = overflow * 100,
                .share_percent = 50 + 25 * failures,
                .healthy_min = 1 + parallel % 2};
  o.overflow = overflow;
  o.queue_max = queue_max;
  o.starts_parallel_max = 1 + parallel;
  o.start_failures_max = 1 + failures;
  o.slots_max = slots_max;
  o.history_max = 4;
  o.poison_deaths_max = 1 + (1 + failures) % 3;
  o.retry_budget_max = queue_max;
  o.retry_budget_percent = 25 * overflow;
  o.retry_budget_per_second = parallel;
  o.affinity_wait = waits[parallel];
  o.affinity_timeout = timeouts[failures];
  o.affinity_bindings_max = size == 2 ? 10'000 : 1 + size;
  o.replace_parallel_max = 1 + retire % 2;
  o.retire_requests = retire % 3 == 1 ? 1 + retire / 2 : 0;
  o.retire_age = retire % 4 == 2 ? 900ms : 0ms;
  o.retire_stagger_percent = retire % 5 * 25;
  o.retire_memory = {
      .max_kib = retire % 2 * 1'100, .growth_kib = retire % 2 * 10, .window_requests = 4};
  o.reject_late = (size + queue_max) % 2 == 1;
  o.shed_target = health % 3 == 1 ? 20ms : 0ms;
  o.shed_interval = 400ms;
  o.lease_limit = retire % 3 == 2 ? 700ms : 0ms;
  return o;
}

rc::Gen<CoreOptions> any_options(std::uint32_t slots_max) {
  return rc::gen::exec([slots_max] {
    Knobs knobs{};
    for (std::size_t i = 0; i < knobs.size(); ++i) knobs[i] = *rc::gen::inRange(0U, knob_bounds[i]);
    return options_of(knobs, slots_max);
  });
}

// Short, so that a walk sees them come and go. `below`: draws a number below its argument.
template <typename Below>
pool::core::CircuitOptions breaker_of(Below below) {
  using pool::core::Duration;
  const auto one_of = [&below](auto... values) {
    const std::array all{values...};
    return all[below(static_cast<std::uint32_t>(all.size()))];
  };
  pool::core::CircuitOptions o;
  o.enabled = below(4) != 0;
  o.rule = static_cast<pool::BreakerRule>(below(3));
  o.failures = 1 + below(3);
  o.successes = 1 + below(4);
  o.half_open_max = 1 + below(3);
  o.half_open_expiry = one_of(Duration{1ms}, Duration{100ms}, Duration{5s});
  o.open_base = one_of(Duration{1ms}, Duration{50ms}, Duration{700ms});
  o.open_max = 2s;
  o.growth_percent = one_of(100U, 150U, 300U);
  o.jitter_percent = one_of(0U, 0U, 40U);
  o.window_calls = 1 + below(7);
  o.window = one_of(Duration{10ms}, Duration{1s});
  o.window_slices = 1 + below(4);
  o.min_calls = 1 + below(o.window_calls);
  o.failure_percent = one_of(20U, 50U, 100U);
  o.slow_call = one_of(Duration{0}, Duration{40ms});
  o.slow_percent = one_of(30U, 100U);
  return o;
}

CoreWorld::Visits seen;
NaiveCircuit::Visits breakers_seen;
CoreOracle::Seen seen_of_affinity;
CoreOracle::Operations operated;
pool::core::Counters counted;

void note(const CoreWorld& world) {
  const auto& v = world.visits();
  seen.grants += v.grants;
  seen.requeues += v.requeues;
  seen.drains += v.drains;
  seen.circuit_opened += v.circuit_opened;
  seen.queue_full += v.queue_full;
  seen.kills += v.kills;
  seen.asks += v.asks;
  seen.interrupts += v.interrupts;
  seen.stops += v.stops;
  seen.pauses += v.pauses;
  seen.poisoned += v.poisoned;
  seen.ok_after_retry += v.ok_after_retry;
  seen.probes += v.probes;
  seen.unhealthy += v.unhealthy;
  seen.recovered += v.recovered;
  seen.replaced += v.replaced;
  seen.hits += v.hits;
  seen.rebinds += v.rebinds;
  seen.ejections += v.ejections;
  seen.looks += v.looks;
  seen.stuck += v.stuck;
  seen.stuck_kills += v.stuck_kills;
  seen.dumps += v.dumps;
  seen.extensions += v.extensions;
  seen_of_affinity.waited_for_worker += world.seen().waited_for_worker;
  seen_of_affinity.passed_ineligible += world.seen().passed_ineligible;
  seen_of_affinity.older_went_first += world.seen().older_went_first;
  seen_of_affinity.state_lost += world.seen().state_lost;
  seen_of_affinity.sessions_forgotten += world.seen().sessions_forgotten;
  const auto& c = world.core().counters();
  counted.affinity_waits_over += c.affinity_waits_over;
  counted.bindings_expired += c.bindings_expired;
  counted.bindings_evicted += c.bindings_evicted;
  counted.bindings_lost += c.bindings_lost;
  breakers_seen.add(world.breaker_visits());
  operated.add(world.operations());
}

// Returns what it broke.
std::string walk(const CoreOptions& options, const std::vector<CoreStep>& steps) {
  CoreWorld world(options, 1);
  for (const CoreStep& step : steps) {
    world.step(step);
    if (!world.error().empty()) return world.error();
  }
  world.finish();
  note(world);
  return world.error();
}

void walk_anywhere(std::uint32_t slots_max) {
  auto options = *any_options(slots_max);
  options.breaker = breaker_of([](std::uint32_t bound) { return *rc::gen::inRange(0U, bound); });
  const auto steps = *rc::gen::scale(4.0, rc::gen::container<std::vector<CoreStep>>(any_step()));
  const std::string error = walk(options, steps);
  if (!error.empty()) RC_FAIL(error);
}

// Always the same: what was seen does not depend on what RapidCheck has drawn today.
void walk_known_ways() {
  pool::core::Random random(1);
  const auto below = [&random](std::uint32_t bound) {
    return static_cast<std::uint32_t>(random.below(bound));
  };
  for (int i = 0; i < 300; ++i) {
    Knobs knobs{};
    for (std::size_t k = 0; k < knobs.size(); ++k) knobs[k] = below(knob_bounds[k]);
    std::vector<CoreStep> steps(300);
    for (CoreStep& step : steps) {
      step.what = below(step_kinds);
      step.who = below(64);
      step.how = below(216);
    }
    CoreOptions options = options_of(knobs, i % 2 == 0 ? 1 : 4);
    options.breaker = breaker_of(below);
    ASSERT_EQ(walk(options, steps), "") << "way " << i;
  }
}

RC_GTEST_PROP(CoreModel, AnyWalkKeepsEveryPromiseWithOneSlot, ()) {
  cites(1, 3, 4, 5, 6, 8, 9, 10, 12, 23, 24, 25, 26, 27, 29, 30, 31, 32, 33, 34, 35, 36, 38, 53);
  cites_property(17, 18, 19, 20);
  cites_bug_class(10);
  walk_anywhere(1);
}

RC_GTEST_PROP(CoreModel, AnyWalkKeepsEveryPromiseWithFourSlots, ()) {
  cites(1, 3, 4, 5, 6, 8, 9, 10, 12, 13, 23, 24, 25, 26, 27, 29, 30, 38, 53);
  cites_property(17, 18, 19, 20);
  walk_anywhere(4);
}

// A walk that never gets anywhere proves nothing.
TEST(CoreModel, TheWalksWentEverywhere) {
  walk_known_ways();
  EXPECT_GT(seen.grants, 0U);
  EXPECT_GT(seen.requeues, 0U);
  EXPECT_GT(seen.drains, 0U);
  EXPECT_GT(seen.circuit_opened, 0U);
  EXPECT_GT(seen.queue_full, 0U);
  EXPECT_GT(seen.kills, 0U);
  EXPECT_GT(seen.asks, 0U);
  EXPECT_GT(seen.interrupts, 0U);
  EXPECT_GT(seen.stops, 0U);
  EXPECT_GT(seen.pauses, 0U);
  EXPECT_GT(seen.poisoned, 0U);
  EXPECT_GT(seen.ok_after_retry, 0U);
  EXPECT_GT(seen.probes, 0U);
  EXPECT_GT(seen.unhealthy, 0U);
  EXPECT_GT(seen.recovered, 0U);
  EXPECT_GT(seen.replaced, 0U);
  EXPECT_GT(seen.ejections, 0U);
  EXPECT_GT(seen.looks, 0U);
  EXPECT_GT(seen.stuck, seen.stuck_kills);
  EXPECT_GT(seen.stuck_kills, 0U);
  EXPECT_GT(seen.dumps, 0U);
  EXPECT_GT(seen.extensions, 0U);
  std::cout << "looks " << seen.looks << ", stuck " << seen.stuck << ", killed for it "
            << seen.stuck_kills << ", dumps " << seen.dumps << ", starts extended "
            << seen.extensions << '\n';
  const auto& a = seen_of_affinity;
  EXPECT_GT(seen.hits, 0U);
  EXPECT_GT(seen.rebinds, 0U);
  EXPECT_GT(a.waited_for_worker, 0U);
  EXPECT_GT(a.passed_ineligible, 0U);
  EXPECT_GT(a.older_went_first, 0U);
  EXPECT_GT(a.state_lost, 0U);
  EXPECT_GT(a.sessions_forgotten, 0U);
  EXPECT_GT(counted.affinity_waits_over, 0U);
  EXPECT_GT(counted.bindings_expired, 0U);
  EXPECT_GT(counted.bindings_evicted, 0U);
  EXPECT_GT(counted.bindings_lost, 0U);
  std::cout << "hits " << seen.hits << ", rebinds " << seen.rebinds << ", waited "
            << a.waited_for_worker << ", passed " << a.passed_ineligible << ", older first "
            << a.older_went_first << ", state lost " << a.state_lost << ", forgotten "
            << a.sessions_forgotten << ", waits over " << counted.affinity_waits_over
            << ", expired " << counted.bindings_expired << ", evicted " << counted.bindings_evicted
            << ", lost " << counted.bindings_lost << '\n';
  using pool::core::TransitionReason;
  for (const TransitionReason why : {TransitionReason::drained, TransitionReason::surplus,
                                     TransitionReason::rolled, TransitionReason::requests_max,
                                     TransitionReason::age_max, TransitionReason::memory_growth}) {
    EXPECT_GT(operated.withdrawn[why], 0U) << to_string(why);
    std::cout << to_string(why) << ' ' << operated.withdrawn[why] << ", ";
  }
  EXPECT_GT(operated.withdrawn_busy, 0U);
  EXPECT_GT(operated.starts_given_up, 0U);
  EXPECT_GT(operated.rolls_finished, 0U);
  EXPECT_GT(operated.rolls_failed_at_once, 0U);
  EXPECT_GT(operated.rolls_failed_later, 0U);
  EXPECT_GT(operated.turned_away, 0U);
  EXPECT_GT(operated.waited_for_resume, 0U);
  std::cout << "withdrawn busy " << operated.withdrawn_busy << ", starts given up "
            << operated.starts_given_up << ", rolls finished " << operated.rolls_finished
            << ", failed " << operated.rolls_failed_at_once << " and "
            << operated.rolls_failed_later << ", turned away " << operated.turned_away
            << ", waited for resume " << operated.waited_for_resume << '\n';
  const auto& b = breakers_seen;
  for (const auto count : {b.opened, b.half_opened, b.reopened, b.expired, b.closed_again,
                           b.limited, b.stale, b.ordered, b.would_have_opened, b.slow_trips}) {
    EXPECT_GT(count, 0U);
  }
  std::cout << "breakers: opened " << b.opened << ", half-opened " << b.half_opened << ", reopened "
            << b.reopened << ", expired " << b.expired << ", closed again " << b.closed_again
            << ", limited " << b.limited << ", stale " << b.stale << ", ordered " << b.ordered
            << ", observed " << b.would_have_opened << ", slow " << b.slow_trips << '\n';
  std::cout << "grants " << seen.grants << ", requeues " << seen.requeues << ", drains "
            << seen.drains << ", circuit " << seen.circuit_opened << ", queue_full "
            << seen.queue_full << ", kills " << seen.kills << ", asks " << seen.asks
            << ", interrupts " << seen.interrupts << ", stops " << seen.stops << ", pauses "
            << seen.pauses << ", poisoned " << seen.poisoned << ", ok_after_retry "
            << seen.ok_after_retry << ", probes " << seen.probes << ", unhealthy " << seen.unhealthy
            << ", recovered " << seen.recovered << ", replaced " << seen.replaced << '\n';
}

}  // namespace
}  // namespace ordeal::trial
