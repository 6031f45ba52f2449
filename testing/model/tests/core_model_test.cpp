// Any walk through the core's contract keeps every promise of the oracle (testing/model).
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

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

void showValue(const Step& step, std::ostream& out) {
  out << '{' << step.what << ", " << step.who << ", " << step.how << '}';
}

namespace {

using pool::core::CoreOptions;
using namespace std::chrono_literals;

rc::Gen<Step> any_step() {
  return rc::gen::build<Step>(rc::gen::set(&Step::what, rc::gen::inRange(0U, step_kinds)),
                              rc::gen::set(&Step::who, rc::gen::inRange(0U, 64U)),
                              rc::gen::set(&Step::how, rc::gen::inRange(0U, 216U)));
}

rc::Gen<CoreOptions> any_options(std::uint32_t slots_max) {
  return rc::gen::apply(
      [slots_max](std::uint32_t size, std::uint32_t overflow, std::uint32_t queue_max,
                  std::uint32_t parallel, std::uint32_t failures, std::uint32_t health) {
        CoreOptions o;
        o.health_interval = health % 3 * 400ms;  // every third without
        o.health_timeout = (1 + health % 2) * 70ms;
        o.health_failures_max = 1 + health % 4;
        o.size = size;
        o.overflow = overflow;
        o.queue_max = queue_max;
        o.starts_parallel_max = parallel;
        o.start_failures_max = failures;
        o.slots_max = slots_max;
        o.history_max = 4;
        o.poison_deaths_max = 1 + failures % 3;
        o.retry_budget_max = queue_max;
        o.retry_budget_percent = 25 * overflow;
        o.retry_budget_per_second = parallel - 1;
        static constexpr std::array<pool::core::Duration, 3> waits{0ns, 1ms, 700ms};
        static constexpr std::array<pool::core::Duration, 3> timeouts{40ms, 2s, 5min};
        o.affinity_wait = waits[parallel - 1];
        o.affinity_timeout = timeouts[failures - 1];
        o.affinity_bindings_max = size == 3 ? 10'000 : size;
        return o;
      },
      rc::gen::inRange(1U, 4U), rc::gen::inRange(0U, 3U), rc::gen::inRange(0U, 9U),
      rc::gen::inRange(1U, 4U), rc::gen::inRange(1U, 4U), rc::gen::inRange(0U, 12U));
}

CoreWorld::Visits seen;
CoreOracle::Seen seen_of_affinity;
pool::core::Counters counted;

void walk(std::uint32_t slots_max) {
  const auto options = *any_options(slots_max);
  const auto steps = *rc::gen::scale(10.0, rc::gen::container<std::vector<Step>>(any_step()));
  CoreWorld world(options, 1);
  for (const Step& step : steps) {
    world.step(step);
    if (!world.error().empty()) RC_FAIL(world.error());
  }
  world.finish();
  if (!world.error().empty()) RC_FAIL(world.error());
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
}

RC_GTEST_PROP(CoreModel, AnyWalkKeepsEveryPromiseWithOneSlot, ()) {
  cites(1, 3, 4, 5, 6, 8, 9, 10, 12, 23, 38, 53);
  cites_property(17, 18, 19, 20);
  walk(1);
}

RC_GTEST_PROP(CoreModel, AnyWalkKeepsEveryPromiseWithFourSlots, ()) {
  cites(1, 3, 4, 5, 6, 8, 9, 10, 12, 13, 23, 38, 53);
  cites_property(17, 18, 19, 20);
  walk(4);
}

// A walk that never gets anywhere proves nothing. Runs behind the two above.
TEST(CoreModel, TheWalksWentEverywhere) {
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
