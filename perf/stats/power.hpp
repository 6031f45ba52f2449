// What a rule can see in such data: by adding slowdowns to resamples of it.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <vector>

#include "perf/stats/evidence.hpp"
#include "perf/stats/rules.hpp"

namespace ordeal::perf {

// A seeded draw below `bound` that is the same with every standard library.
[[nodiscard]] std::size_t draw_below(std::mt19937_64& random, std::size_t bound);

// The smallest slowdown (a share, above the floor) that clauses (a) to (d) find in at least
// rules.power of the resamples of these stages, their own difference taken out; empty: not even
// 100 %. `level`: of clause (a). Does not depend on the order of the pairs.
[[nodiscard]] std::optional<double> smallest_detectable(const std::vector<LogPairs>& stages,
                                                        double floor, double level,
                                                        const Rules& rules);

}  // namespace ordeal::perf
