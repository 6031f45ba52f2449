// Bytes as choices of the walk through the core's contract: whatever happens in whatever order,
// every promise of the oracle holds.
#include "testing/fuzz/choices.hpp"
#include "testing/model/core_world.hpp"

using ordeal::trial::Choices;
using ordeal::trial::must;
namespace core = ordeal::pool::core;
using namespace std::chrono_literals;  // NOLINT: a program of its own

namespace {

core::CoreOptions options_of(Choices& choices) {
  core::CoreOptions o;
  o.size = 1 + choices.below(3);
  o.overflow = choices.below(3);
  o.queue_max = choices.below(5);
  o.starts_parallel_max = 1 + choices.below(3);
  o.start_failures_max = 1 + choices.below(3);
  o.slots_max = 1 + choices.below(4);
  o.history_max = 4;
  o.poison_deaths_max = 1 + choices.below(3);
  o.retry_budget_max = choices.below(5);
  o.health_interval = choices.below(2) * 400ms;
  o.health_timeout = 70ms;
  o.health_failures_max = 1 + choices.below(4);
  o.affinity_wait = choices.below(3) * 350ms;
  o.affinity_timeout = 40ms + choices.below(3) * 1s;
  o.affinity_bindings_max = 1 + choices.below(3);
  o.replace_parallel_max = 1 + choices.below(2);
  o.retire_requests = choices.below(4);
  o.breaker.enabled = o.slots_max == 1 && choices.below(2) == 1;
  o.breaker.failures = 1 + choices.below(3);
  o.breaker.successes = 1 + choices.below(3);
  o.breaker.open_base = 50ms;
  o.breaker.open_max = 2s;
  return o;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr int steps_max = 2'000;
  Choices choices{data, size};
  const core::CoreOptions options = options_of(choices);
  ordeal::trial::CoreWorld world{options, 1};
  for (int i = 0; i < steps_max && !choices.empty(); ++i) {
    world.step({.what = choices.below(ordeal::trial::step_kinds),
                .who = choices.below(64),
                .how = choices.below(216)});
    must(world.error().empty(), world.error());
  }
  world.finish();
  must(world.error().empty(), world.error());
  return 0;
}
