// The search: experiments drawn from seeds, run in virtual time until one breaks a promise of the
// pool, and shrunk to the fewest, weakest, shortest faults and the least load that still break it.
//
//   draw(seed) ─> simulate ─holds─> next seed
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

#include <optional>
#include <string>

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
};
inline constexpr std::uint32_t repeats_wanted = 5;
inline constexpr std::uint32_t other_seeds_tried = 20;

// A schedule of so few faults is small; with more, the hunt goes on for a better one.
inline constexpr std::size_t few_faults = 3;

struct Hunt {
  std::uint64_t first_seed = 1, last_seed = 1'000'000;
  double seconds = 60;
};
struct HuntResult {
  std::uint64_t schedules = 0;  // that were run
  double seconds = 0;
  std::optional<Found> found;
};

[[nodiscard]] HuntResult hunt(const Hunt& hunt, const Registry& registry);
// `error`: what the plan breaks. Ends at `until` with the best so far.
[[nodiscard]] Plan shrink(Plan plan, const std::string& error, TimePoint until,
                          std::uint64_t& tried);

}  // namespace ordeal::chaos
