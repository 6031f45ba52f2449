// From a simulation that fails to the least that breaks the same promise.
//
// In turn: faults are dropped, then made rarer; times shortened, then snapped to round ones; fewer
// workers; then less load. Until nothing can go any more. A change moves every draw behind it, so
// each candidate gets a few seeds.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "testing/sim/simulation.hpp"

namespace ordeal::trial {

struct Shrunk {
  std::uint64_t seed = 0;
  SimulationOptions options;
  std::string error;
  std::uint64_t events = 0;  // of the run that fails
  std::uint64_t tried = 0;   // candidates
};

// What fails, of one simulation; empty: it holds. For tests; by default Simulation itself.
using SimulationRun =
    std::function<SimulationReport(std::uint64_t seed, const SimulationOptions& options)>;

// REQUIRES: the simulation of `seed` fails.
[[nodiscard]] Shrunk shrink(std::uint64_t seed, const SimulationOptions& options,
                            const SimulationRun& run);
[[nodiscard]] Shrunk shrink(std::uint64_t seed, const SimulationOptions& options);

// Of the faults that the simulation of `seed` draws, those without which it holds.
[[nodiscard]] std::vector<std::string> faults_that_matter(std::uint64_t seed,
                                                          const SimulationOptions& options,
                                                          const SimulationRun& run);

// The promise alone, without seed, event and who broke it.
[[nodiscard]] std::string promise_of(const std::string& error);
// "ordeal-sim run --seeds 7 --set ..."
[[nodiscard]] std::string repro_line(std::uint64_t seed, const SimulationOptions& options);

}  // namespace ordeal::trial
