// The schedule of a plan: what is written, and what is drawn from the seed.
#include <algorithm>

#include "chaos/experiment/plan.hpp"
#include "pool/core/random.hpp"

namespace ordeal::chaos {
namespace {

constexpr std::uint64_t schedule_salt = 0xc4a05;

Target draw_target(pool::core::Random& random) {
  using Rule = Target::Rule;
  constexpr Rule rules[] = {Rule::one, Rule::busiest, Rule::busiest, Rule::oldest, Rule::idle};
  return {.rule = rules[random.below(std::size(rules))]};
}

void draw_faults(Plan& plan, const DrawnFaults& drawn) {
  pool::core::Random random{plan.seed ^ schedule_salt};
  milliseconds at = drawn.from;
  for (std::uint32_t i = 0; i < drawn.budget; ++i) {
    FaultEntry entry;
    entry.kind = drawn.kinds[random.below(drawn.kinds.size())];
    entry.values = entry.kind->defaults();
    entry.target = draw_target(random);
    const auto extra = random.between(0, drawn.distance_min.count());
    entry.at = at;
    entry.duration =
        milliseconds{random.between(drawn.duration_min.count(), drawn.duration_max.count())};
    at += drawn.distance_min + milliseconds{extra};
    plan.faults.push_back(std::move(entry));
  }
}

}  // namespace

void draw_schedule(Plan& plan) {
  plan.shots.clear();
  plan.faults.resize(plan.written);
  if (plan.drawn) draw_faults(plan, *plan.drawn);
  for (std::size_t number = 0; number < plan.faults.size(); ++number) {
    const FaultEntry& entry = plan.faults[number];
    for (std::uint32_t time = 0; time < entry.times; ++time) {
      plan.shots.push_back({number, entry.at + time * entry.every});
    }
  }
  std::stable_sort(plan.shots.begin(), plan.shots.end(),
                   [](const Shot& a, const Shot& b) { return a.due < b.due; });
}

}  // namespace ordeal::chaos
