// Walks through single parts of the core, each beside a naive model of it: their whole contract,
// also what the core itself never asks of them (a refused transition, a recovery that ends twice).
//
// A walk draws its steps from a seed, and says what is wrong after the first that went otherwise;
// nothing if all went as it must. To add one: a function in a file of its own, a row in walk.cpp.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "pool/core/random.hpp"

namespace ordeal::trial {

struct PartWalk {
  std::string_view part;
  std::string (*walk)(pool::core::Random& random, std::uint32_t steps);
};
[[nodiscard]] std::span<const PartWalk> part_walks();

// All of them: "the lifecycle: ... (seed 7)", or nothing.
[[nodiscard]] std::string walk_parts(std::uint64_t seed, std::uint32_t steps);

[[nodiscard]] std::string walk_circuit(pool::core::Random& random, std::uint32_t steps);
[[nodiscard]] std::string walk_codel(pool::core::Random& random, std::uint32_t steps);
[[nodiscard]] std::string walk_estimate(pool::core::Random& random, std::uint32_t steps);
[[nodiscard]] std::string walk_lifecycle(pool::core::Random& random, std::uint32_t steps);
[[nodiscard]] std::string walk_memory(pool::core::Random& random, std::uint32_t steps);
[[nodiscard]] std::string walk_outliers(pool::core::Random& random, std::uint32_t steps);
[[nodiscard]] std::string walk_recoveries(pool::core::Random& random, std::uint32_t steps);
[[nodiscard]] std::string walk_timers(pool::core::Random& random, std::uint32_t steps);

}  // namespace ordeal::trial
