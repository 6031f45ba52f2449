// Durations counted in buckets, as Prometheus wants them. Not thread-safe; a value.
//
// The buckets are one for all durations, from ten microseconds (a call to a worker on a warm core)
// to five minutes (an LLM program), 1 - 2.5 - 5: a quantile read from them is wrong by a factor of
// 2.5 at most. Sums are kept in nanoseconds: exact for five centuries.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>

namespace ordeal::pool::observe {

class Histogram {
 public:
  using Nanoseconds = std::chrono::nanoseconds;
  static constexpr std::size_t bucket_count = 22;
  // Inclusive upper bounds.
  static constexpr std::array<std::int64_t, bucket_count> bounds_ns{
      10'000,          25'000,          50'000,        100'000,        250'000,
      500'000,         1'000'000,       2'500'000,     5'000'000,      10'000'000,
      25'000'000,      50'000'000,      100'000'000,   250'000'000,    500'000'000,
      1'000'000'000,   2'500'000'000,   5'000'000'000, 10'000'000'000, 30'000'000'000,
      100'000'000'000, 300'000'000'000,
  };

  void observe(Nanoseconds duration) {
    const std::int64_t count = std::max<std::int64_t>(duration.count(), 0);
    const auto bound = std::lower_bound(bounds_ns.begin(), bounds_ns.end(), count);
    if (bound != bounds_ns.end()) ++buckets_[static_cast<std::size_t>(bound - bounds_ns.begin())];
    ++count_;
    sum_ns_ += count;
  }

  // How many were no longer than bounds_ns[0], and longer than the bound before it.
  [[nodiscard]] const std::array<std::uint64_t, bucket_count>& buckets() const { return buckets_; }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] double sum_seconds() const { return static_cast<double>(sum_ns_) / 1e9; }

 private:
  std::array<std::uint64_t, bucket_count> buckets_{};
  std::uint64_t count_ = 0;
  std::int64_t sum_ns_ = 0;
};

}  // namespace ordeal::pool::observe
