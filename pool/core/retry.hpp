// How long to wait before the n-th retry of a request.
//
// Invariants (numbers of behaviour spec, part B, and of perf-resilience-anchors B5):
//   (39, B5 11) The delay is in [lowest, highest] of delay_range, and 0 <= lowest <= highest <=
//        max_delay, for every retry number up to 2^32 and every base >= 0: all arithmetic
//        saturates.
//   (40) Without jitter the delay follows the closed form of ordeal/pool/retry.hpp, cut at
//        max_delay, and never shrinks. Decorrelated delays stay in [min(base, max), max] and begin
//        at base for each request. Custom delays follow their table, which may go up and down.
//   (41) The jitter is even on both sides of the delay. Where its range would exceed max_delay the
//        range is cut, not what is drawn from it: no excess over max_delay and no heap of delays
//        at it. The same seed gives the same delays.
#pragma once

#include <cstdint>

#include "ordeal/pool/retry.hpp"
#include "pool/core/random.hpp"
#include "pool/core/time.hpp"

namespace ordeal::pool::core {

struct DelayRange {
  Duration lowest{};
  Duration highest{};
};

// Negative delays count as zero, a jitter beyond 100 % as 100 %.
// REQUIRES: retry >= 1. `last`: the delay of the retry before; zero for the first one.
[[nodiscard]] DelayRange delay_range(const RetryPolicy& policy, std::uint32_t retry, Duration last);
[[nodiscard]] Duration retry_delay(const RetryPolicy& policy, std::uint32_t retry, Duration last,
                                   Random& random);

}  // namespace ordeal::pool::core
