// A simulation in a process of its own: a pool that crashes or never comes to an end is a finding,
// not the end of the search.
#pragma once

#include <string>

#include "chaos/experiment/plan.hpp"

namespace ordeal::chaos {

// What the plan breaks: the simulation's error, "the pool crashed by signal N" or "the pool does
// not come to an end"; empty if everything held. REQUIRES: this process has one thread.
[[nodiscard]] std::string what_breaks(const Plan& plan);

}  // namespace ordeal::chaos
