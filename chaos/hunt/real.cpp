// The search against real processes: fewer schedules, each some seconds long, and a failure is what
// a check says; it may not come every time, so a smaller schedule gets several tries.
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>

#include "chaos/experiment/judge.hpp"
#include "chaos/hunt/hunt.hpp"
#include "chaos/simulated/contained.hpp"
#include "pool/core/random.hpp"

namespace ordeal::chaos {
namespace {

using pool::core::Random;
using std::chrono::milliseconds;

constexpr std::uint64_t real_salt = 0x5245414c;
constexpr std::uint64_t tries = 3;

template <typename T, std::size_t N>
T one_of(Random& random, const T (&values)[N]) {
  return values[random.below(N)];
}

// Those that this machine permits, and that strike a pool with relays and a store.
std::vector<const FaultKind*> kinds_here(const Registry& registry, const RunOptions& options) {
  Site site;
  site.relay_folder = site.store_file = "given";
  site.relay_program = options.relay_program;
  std::vector<const FaultKind*> kinds;
  for (const FaultKind& kind : registry.kinds()) {
    const bool fits = kind.aim != Aim::fork_template && kind.aim != Aim::spare;
    if (fits && (!kind.permit || kind.permit(site).granted)) kinds.push_back(&kind);
  }
  return kinds;
}

// No more than the workers can serve in time: a pool that is overloaded without any fault answers
// late, and that would be a find.
void draw_load(Random& random, std::uint32_t workers, LoadPlan& load) {
  load.callers = static_cast<std::uint32_t>(random.between(2, 3 * workers));
  load.duration = milliseconds{6'000};
  load.deadline = milliseconds{one_of(random, {200, 500, 1'500})};
  load.idempotent = random.chance(1, 2);
  load.retries = load.idempotent ? one_of(random, {0U, 2U, 4U}) : 0;
  load.sessions = one_of(random, {0U, 0U, 4U, 12U});
  if (load.sessions > 0) {
    load.affinity = static_cast<pool::AffinityPolicy>(random.below(3));
  }
  load.mix.slow_percent = one_of(random, {0U, 15U, 50U});
}

// What callers and operators do besides.
void draw_doings(Random& random, SimulatedLoad& load) {
  load.cancel_parts = one_of(random, {0U, 0U, 50U, 200U});
  load.lease_parts = one_of(random, {0U, 0U, 50U, 200U});
  load.operation_parts = one_of(random, {0U, 0U, 0U, 20U});
  load.bad_programs = random.chance(1, 2);
  load.stop_under_load = random.chance(1, 4);
  load.stop_again = random.chance(1, 2);
  load.stop_grace_max_ms = one_of(random, {5U, 50U, 500U, 2'000U});
}

FaultEntry draw_fault(Random& random, const std::vector<const FaultKind*>& kinds) {
  using Rule = Target::Rule;
  FaultEntry entry{.kind = kinds[random.below(kinds.size())]};
  entry.values = entry.kind->defaults();
  if (entry.kind->aim == Aim::worker) {
    entry.target.rule = one_of(random, {Rule::one, Rule::busiest, Rule::oldest, Rule::all});
  }
  entry.at = milliseconds{random.between(50, 1'500)};
  entry.duration = milliseconds{one_of(random, {50, 150, 400})};
  entry.overlap = random.chance(1, 2);
  return entry;
}

Plan draw_real(std::uint64_t seed, const std::vector<const FaultKind*>& kinds) {
  Random random{seed ^ real_salt};
  Plan plan;
  plan.title = "found by a hunt";
  plan.seed = seed;
  plan.pool.command = {"{relay}", "--control",     "{relay_folder}", "--",
                       "python3", "{mock_bridge}", "--faults"};
  plan.pool.session_store = "sqlite:{store}";
  plan.pool.size = static_cast<std::uint32_t>(random.between(1, 4));
  plan.pool.quarantine_grace = milliseconds{one_of(random, {50, 200, 1'000})};
  plan.pool.start_backoff_base = milliseconds{20};
  plan.pool.start_backoff_max = milliseconds{200};
  plan.pool.seed = seed;
  plan.with_relay = plan.store_in_file = true;
  draw_load(random, plan.pool.size, plan.load);
  const std::uint64_t wanted = 1 + random.below(6);
  for (std::uint64_t i = 0; i < wanted; ++i) plan.faults.push_back(draw_fault(random, kinds));
  draw_doings(random, plan.simulated);
  plan.written = plan.faults.size();
  plan.early = true;
  plan.quiet = milliseconds{300};
  plan.recovery_max = milliseconds{5'000};
  plan.bars.calls_min = 1;
  plan.bars.strikes_min = 0;
  plan.bars.ok_percent_min = 0;
  plan.bars.promises = true;
  draw_schedule(plan);
  return plan;
}

// The first check that failed, with its evidence. What is unknown is no failure.
std::string run_and_judge(const Plan& plan, const RunOptions& options) {
  Journal none;
  const auto result = run_plan(plan, options, none);
  if (!result) return {};
  for (const Check& check : judge_run(plan, *result)) {
    if (check.verdict.kind() != trial::Verdict::Kind::fail) continue;
    return fmt::format("{}: {}", check.name, check.verdict.evidence().front());
  }
  return {};
}

}  // namespace

HuntWorld real_world(const Registry& registry, const RunOptions& options,
                     const std::string& mock_bridge) {
  HuntWorld world;
  world.draw = [kinds = kinds_here(registry, options), mock_bridge](std::uint64_t seed) {
    return draw_real(seed, kinds);
  };
  world.what_breaks = [options, mock_bridge](const Plan& plan) {
    Plan here = plan;
    for (std::string& word : here.pool.command) {
      if (word == "{mock_bridge}") word = mock_bridge;
    }
    return tell_from_child([&] { return run_and_judge(here, options); });
  };
  // A check, whatever it says of whom.
  world.signature = [](const std::string& error) { return error.substr(0, error.find(':')); };
  world.tries = world.tries_for_faults = tries;
  world.vary_seeds = world.less_load = false;
  return world;
}

}  // namespace ordeal::chaos
