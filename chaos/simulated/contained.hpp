// A run in a process of its own, for a search: a pool that crashes or never comes to an end is a
// finding, not the end of the search.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "chaos/experiment/plan.hpp"

namespace ordeal::chaos {

// What the plan breaks: the simulation's error, "the pool crashed by signal N" or "the pool does
// not come to an end"; empty if everything held. REQUIRES: this process has one thread.
[[nodiscard]] std::string what_breaks(const Plan& plan);

// What `tell` returns in a process of its own, or how that process ended. `seconds_max` of its
// processor time. REQUIRES: this process has one thread.
[[nodiscard]] std::string tell_from_child(const std::function<std::string()>& tell,
                                          std::optional<std::uint64_t> seconds_max = {});

}  // namespace ordeal::chaos
