// The trial from outside: each scenario runs in a process of its own, so that a pool that crashes
// or hangs ends its scenario, and not the run. What the pool leaves behind in that process
// (workers, zombies, threads, descriptors, temporary files) is found too.
//
// That process has a folder of its own as TMPDIR, and a process group; both are removed with all
// that is in them.
#pragma once

#include "testing/contract/trial.hpp"

namespace ordeal::trial {

struct Case {
  const Scenario* scenario = nullptr;
  MakeWorld make_world;
};

// In the order of `cases`. REQUIRES: the calling process has one thread (it forks).
[[nodiscard]] std::vector<Report> run_apart(const std::vector<Case>& cases,
                                            const TrialOptions& options = {});
[[nodiscard]] std::vector<Report> run_contract_apart(const MakeWorld& make_world,
                                                     const TrialOptions& options = {});

}  // namespace ordeal::trial
