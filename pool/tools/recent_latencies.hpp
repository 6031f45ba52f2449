// How long the last requests took, from submit to reply, for `top`. The loop's alone.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <vector>

namespace ordeal::pool::tools {

class RecentLatencies {
 public:
  void add(std::chrono::nanoseconds latency) {
    latencies_[next_++ % latencies_.size()] = latency;
    count_ = std::min(count_ + 1, latencies_.size());
  }
  [[nodiscard]] std::size_t count() const { return count_; }
  // REQUIRES: 0 <= percent <= 100. Zero if there is none.
  [[nodiscard]] std::chrono::nanoseconds percentile(std::size_t percent) const {
    if (count_ == 0) return {};
    std::vector<std::chrono::nanoseconds> sorted(
        latencies_.begin(), latencies_.begin() + static_cast<std::ptrdiff_t>(count_));
    const std::size_t rank = std::min((count_ * percent + 99) / 100, count_);
    const auto at = sorted.begin() + static_cast<std::ptrdiff_t>(rank == 0 ? 0 : rank - 1);
    std::nth_element(sorted.begin(), at, sorted.end());
    return *at;
  }

 private:
  std::array<std::chrono::nanoseconds, 1024> latencies_{};
  std::size_t next_ = 0;
  std::size_t count_ = 0;
};

}  // namespace ordeal::pool::tools
