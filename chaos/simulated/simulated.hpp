// An experiment in virtual time: the pool's core in the world of testing/sim, with the same load,
// schedule and seed. What it is judged by: every promise of the core after every event (the oracle
// of testing/model), each fault's effect, and the experiment's bars.
//
// Invariants:
//   (1) The same plan and seed give the same run, byte for byte of its journal and trace.
//   (2) A fault that means nothing in virtual time is not faked: it is reported as not run, and the
//       verdict is no pass.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "chaos/experiment/plan.hpp"
#include "chaos/experiment/verdicts.hpp"
#include "testing/sim/simulation.hpp"

namespace ordeal::chaos {

// What a fault does in the simulator: nothing if it is not there. Shot by shot.
[[nodiscard]] std::vector<trial::PlannedFault> to_planned(const FaultEntry& entry,
                                                          milliseconds due);

struct SimulatedRun {
  trial::SimulationReport report;
  std::vector<std::size_t> entry_of;           // of the plan, by planned fault
  std::map<std::string, std::string> not_run;  // faults, and why

  [[nodiscard]] std::uint64_t count(std::size_t planned, trial::PlannedNote::What what) const;
  // Injected, and seen to act where that is what counts.
  [[nodiscard]] bool proved(const Plan& plan, std::size_t planned) const;
};

[[nodiscard]] trial::SimulationOptions to_simulation(const Plan& plan, SimulatedRun& run);
// `trace`: keep the core's events and actions in the report.
[[nodiscard]] SimulatedRun simulate(const Plan& plan, bool trace = false);
[[nodiscard]] std::vector<Check> judge_simulated(const Plan& plan, const SimulatedRun& run);
// The run's events, in virtual time.
void note_simulated(const Plan& plan, const SimulatedRun& run, const std::vector<Check>& checks,
                    const std::string& repeat, Journal& journal);

}  // namespace ordeal::chaos
