// The search: experiments drawn from seeds, run until one breaks a promise of the pool, and shrunk
// to the fewest, weakest, shortest faults and the least load that still break it. In virtual time
// (simulated_world), or against real processes (real_world).
//
//   draw(seed) ─> run ─holds─> next seed
//                    │ broken
//                    v
//   shrink: drop faults, weaken, shorten, snap times, fewer workers, less load ─> an experiment
//
// Invariants:
//   (1) The same seed draws the same experiment, and what is drawn is a valid one.
//   (2) Each step of the shrinking keeps the signature of the failure: the promise that was broken,
//       whatever its figures.
//   (3) What comes out is read back from its text and fails again, or it is not given out.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "chaos/experiment/run.hpp"
#include "chaos/simulated/simulated.hpp"

namespace ordeal::chaos {

[[nodiscard]] Plan draw_hunt(std::uint64_t seed, const Registry& registry);
// The experiment as a file. Options with their defaults are left out.
[[nodiscard]] std::string to_text(const Plan& plan);

// A promise without its figures: what two failures have in common.
[[nodiscard]] std::string signature_of(const std::string& error);

struct Found {
  std::uint64_t seed = 0;    // of the draw
  std::size_t faults = 0;    // that were drawn
  Plan plan;                 // shrunk
  std::string error;         // of the shrunk one
  double found_after_s = 0;  // of the hunt
  double shrunk_after_s = 0;
  std::uint64_t tried = 0;        // candidates of the shrinking
  std::uint32_t repeats = 0;      // of `repeats_wanted` runs of the shrunk text that failed alike
  std::uint32_t other_seeds = 0;  // of twenty other seeds, how many break it as well
  // In the other world, how many runs in a row have failed; nothing: its faults are none there, or
  // nobody asked.
  std::optional<std::uint32_t> confirmed;
};
inline constexpr std::uint32_t repeats_wanted = 5;
inline constexpr std::uint32_t other_seeds_tried = 20;

// A schedule of so few faults is small; with more, the hunt goes on for a better one.
inline constexpr std::size_t few_faults = 3;
// So many runs in a row must fail where a find is to be confirmed; else the hunt goes on, too.
inline constexpr std::uint32_t confirmations_wanted = 3;

struct Hunt {
  std::uint64_t first_seed = 1, last_seed = 1'000'000;
  double seconds = 60;
};
struct HuntResult {
  std::uint64_t schedules = 0;  // that were run
  double seconds = 0;
  std::optional<Found> found;
};

// Where schedules are run, and how sure a failure is there.
struct HuntWorld {
  std::function<Plan(std::uint64_t seed)> draw;
  std::function<std::string(const Plan&)> what_breaks;  // empty: all held
  std::function<std::string(const std::string& error)> signature = signature_of;
  // A smaller schedule is kept if one of so many tries fails alike; where faults are dropped, while
  // there are many, of so many.
  std::uint64_t tries = 8;
  std::uint64_t tries_for_faults = 150;
  bool vary_seeds = true;  // each try with another seed; else the same again
  bool less_load = true;   // the load is made smaller, too
  // Where what is found must fail as well, by whatever check; empty: nowhere. The time that this
  // takes is not the search's, but no more than as much again.
  std::function<std::string(const Plan&)> what_breaks_there{};
};
[[nodiscard]] HuntWorld simulated_world(const Registry& registry);
[[nodiscard]] HuntWorld real_world(const Registry& registry, const RunOptions& options,
                                   const std::string& mock_bridge);

[[nodiscard]] HuntResult hunt(const Hunt& hunt, const HuntWorld& world, const Registry& registry);
// `error`: what the plan breaks. Ends at `until` with the best so far.
[[nodiscard]] Plan shrink(Plan plan, const std::string& error, TimePoint until,
                          const HuntWorld& world, std::uint64_t& tried);

}  // namespace ordeal::chaos
