#include "pool/core/wait_estimate.hpp"

#include <algorithm>

#include "pool/core/assert.hpp"

namespace ordeal::pool::core {
namespace {

constexpr std::int64_t weight = 8;
// Means beyond it are taken for it, so that no product overflows: a million waiters.
constexpr Duration longest_mean = std::chrono::hours{2};
constexpr std::size_t most_ahead = 1'000'000;

}  // namespace

void WaitEstimate::note(Duration held) {
  ORDEAL_ASSERT(held >= Duration::zero(), "nobody holds a slot for less than no time");
  mean_ = known_ ? mean_ + (held - mean_) / weight : held;
  known_ = true;
}

Duration WaitEstimate::lateness(std::size_t ahead, std::size_t slots, Duration remaining) const {
  if (!known_ || ahead == 0 || slots == 0) return Duration::zero();
  const Duration mean = std::min(mean_, longest_mean);
  const auto before = static_cast<std::int64_t>(std::min(ahead, most_ahead)) + 1;
  const Duration answer = mean * before / static_cast<std::int64_t>(slots) + mean;
  return answer > remaining ? answer - remaining : Duration::zero();
}

}  // namespace ordeal::pool::core
