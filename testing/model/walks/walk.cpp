#include "testing/model/walks/walk.hpp"

#include <array>

namespace ordeal::trial {
namespace {

constexpr std::uint64_t walk_salt = 0x3a1c;

constexpr std::array walks{
    PartWalk{"a circuit", walk_circuit},
    PartWalk{"controlled delay", walk_codel},
    PartWalk{"the estimate of waits", walk_estimate},
    PartWalk{"the lifecycle of a worker", walk_lifecycle},
    PartWalk{"the trend of memory", walk_memory},
    PartWalk{"outliers", walk_outliers},
    PartWalk{"the book of recoveries", walk_recoveries},
    PartWalk{"the timers", walk_timers},
};

}  // namespace

std::span<const PartWalk> part_walks() { return walks; }

std::string walk_parts(std::uint64_t seed, std::uint32_t steps) {
  for (const PartWalk& walk : walks) {
    pool::core::Random random{seed ^ walk_salt};
    const std::string error = walk.walk(random, steps);
    if (error.empty()) continue;
    return std::string{walk.part} + ": " + error + " (seed " + std::to_string(seed) + ")";
  }
  return {};
}

}  // namespace ordeal::trial
