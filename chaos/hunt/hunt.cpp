#include "chaos/hunt/hunt.hpp"

#include <tuple>

#include "chaos/experiment/simulated_keys.hpp"
#include "chaos/simulated/contained.hpp"

namespace ordeal::chaos {
namespace {

using trial::time_now;

double seconds_since(TimePoint began) {
  return std::chrono::duration<double>(time_now() - began).count();
}

// Runs what was written, not what is in memory.
void verify(Found& found, const HuntWorld& world, const Registry& registry) {
  const std::string text = to_text(found.plan);
  const std::string signature = world.signature(found.error);
  auto read = plan_from_toml(text, "found.toml", registry, "{mock_bridge}");
  if (!read) {
    found.error += "; and its text is refused: " + read.error().message;
    return;
  }
  const auto breaks = [&](const Plan& plan) {
    const std::string error = world.what_breaks(plan);
    return !error.empty() && world.signature(error) == signature;
  };
  for (std::uint32_t i = 0; i < repeats_wanted; ++i) found.repeats += breaks(*read) ? 1 : 0;
  if (!world.vary_seeds) return;
  Plan other = *read;
  for (std::uint32_t i = 0; i < other_seeds_tried; ++i) {
    other.seed = read->seed + 1'000 + i;
    other.pool.seed = other.seed;
    draw_schedule(other);
    found.other_seeds += breaks(other) ? 1 : 0;
  }
}

// Faults that exist in another world: not rates, which are this one's weather.
bool has_faults_elsewhere(const Plan& plan) {
  return !plan.faults.empty() && count_faults(plan) == plan.faults.size();
}

void confirm(Found& found, const HuntWorld& world) {
  if (!world.what_breaks_there || count_faults(found.plan) > few_faults ||
      !has_faults_elsewhere(found.plan)) {
    return;
  }
  found.confirmed = 0;
  while (*found.confirmed < confirmations_wanted && !world.what_breaks_there(found.plan).empty()) {
    ++*found.confirmed;
  }
}

bool is_good(const Found& found) {
  return count_faults(found.plan) <= few_faults &&
         found.confirmed.value_or(confirmations_wanted) == confirmations_wanted;
}

bool is_better(const Found& found, const Found& than) {
  const auto rank = [](const Found& each) {
    const bool small = count_faults(each.plan) <= few_faults;
    return std::tuple{
        !small, small ? confirmations_wanted - each.confirmed.value_or(confirmations_wanted) : 0,
        count_faults(each.plan)};
  };
  return rank(found) < rank(than);
}

}  // namespace

HuntWorld simulated_world(const Registry& registry) {
  HuntWorld world;
  world.draw = [&registry](std::uint64_t seed) { return draw_hunt(seed, registry); };
  world.what_breaks = what_breaks;
  return world;
}

HuntResult hunt(const Hunt& hunt, const HuntWorld& world, const Registry& registry) {
  const TimePoint began = time_now();
  const auto allowed =
      std::chrono::duration_cast<TimePoint::duration>(std::chrono::duration<double>(hunt.seconds));
  TimePoint until = began + allowed;
  HuntResult result;
  for (std::uint64_t seed = hunt.first_seed; seed <= hunt.last_seed && time_now() < until; ++seed) {
    const Plan plan = world.draw(seed);
    const std::string error = world.what_breaks(plan);
    ++result.schedules;
    if (error.empty()) continue;
    Found found{.seed = seed, .faults = count_faults(plan), .found_after_s = seconds_since(began)};
    // What is found in the last second is still worth to be made small.
    const TimePoint enough = std::max(until, time_now() + std::chrono::seconds{10});
    found.plan = shrink(plan, error, enough, world, found.tried);
    found.error = world.what_breaks(found.plan);
    if (found.error.empty()) found.error = error;  // on processes it need not fail each time
    // On processes the evidence names a call or a pid of that run; the check says enough.
    found.plan.title =
        "Found by a hunt: " + (world.vary_seeds ? found.error.substr(0, found.error.find(" (seed "))
                                                : world.signature(found.error));
    std::erase(found.plan.title, '"');
    std::erase(found.plan.title, '\\');
    found.shrunk_after_s = seconds_since(began);
    const TimePoint shrunk_at = time_now();
    confirm(found, world);
    until = std::min(until + (time_now() - shrunk_at), began + 2 * allowed);
    if (!result.found || is_better(found, *result.found)) result.found = std::move(found);
    if (is_good(*result.found)) break;
  }
  if (result.found) verify(*result.found, world, registry);
  result.seconds = seconds_since(began);
  return result;
}

}  // namespace ordeal::chaos
