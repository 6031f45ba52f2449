// How long the last requests took: a bounded window, and its percentiles. Not thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

namespace ordeal::pool::runtime {

class RecentLatencies {
 public:
  // `kept`: so many at most, the newest. REQUIRES: kept > 0.
  explicit RecentLatencies(std::size_t kept) : latencies_(kept) {}
  void add(std::chrono::nanoseconds latency);
  void clear() { count_ = next_ = 0; }
  [[nodiscard]] std::size_t count() const { return count_; }
  // Zero if there is none. REQUIRES: percent <= 100.
  [[nodiscard]] std::chrono::nanoseconds percentile(std::size_t percent) const;

 private:
  std::vector<std::chrono::nanoseconds> latencies_;
  std::size_t next_ = 0;
  std::size_t count_ = 0;
};

}  // namespace ordeal::pool::runtime
