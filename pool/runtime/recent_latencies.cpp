#include "pool/runtime/recent_latencies.hpp"

#include <algorithm>

namespace ordeal::pool::runtime {

void RecentLatencies::add(std::chrono::nanoseconds latency) {
  latencies_[next_++ % latencies_.size()] = latency;
  count_ = std::min(count_ + 1, latencies_.size());
}

std::chrono::nanoseconds RecentLatencies::percentile(std::size_t percent) const {
  if (count_ == 0) return {};
  std::vector<std::chrono::nanoseconds> sorted(
      latencies_.begin(), latencies_.begin() + static_cast<std::ptrdiff_t>(count_));
  const std::size_t rank = std::clamp<std::size_t>((count_ * percent + 99) / 100, 1, count_);
  const auto at = sorted.begin() + static_cast<std::ptrdiff_t>(rank - 1);
  std::nth_element(sorted.begin(), at, sorted.end());
  return *at;
}

}  // namespace ordeal::pool::runtime
