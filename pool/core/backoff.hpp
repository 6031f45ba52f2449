// How long to wait before the next start, after starts that failed.
//
// Invariants:
//   (1) 0 <= delay <= cap, jitter included, for every attempt number and every base >= 0.
//   (2) Before jitter the delay is base * 2^(failures - 1), saturating at the cap. The jitter takes
//       away up to half of it, so that pools that failed together do not start together.
//   (3) The same seed gives the same delays.
#pragma once

#include <cstdint>

#include "pool/core/random.hpp"
#include "pool/core/time.hpp"

namespace ordeal::pool::core {

// REQUIRES: base >= 0, cap >= 0.
[[nodiscard]] Duration backoff_ceiling(Duration base, Duration cap, std::uint32_t failures);
[[nodiscard]] Duration backoff_delay(Duration base, Duration cap, std::uint32_t failures,
                                     Random& random);

}  // namespace ordeal::pool::core
