// Whether, when and how often a request that failed is tried again.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace ordeal::pool {

// How the delay grows. n: the number of the retry, from 1; b: base_delay.
enum class Backoff : std::uint8_t {
  constant,      // b
  linear,        // n * b
  exponential,   // b * 2^(n-1)
  fibonacci,     // b * F(n), F(1) = F(2) = 1
  decorrelated,  // drawn from [b, 3 * the last delay]; the first "last" is b
  custom,        // the n-th of `delays`, beyond their end the last
};

// The delays of Backoff::custom: values, not a function, so that a recorded run can be replayed.
//
// Each is a whole number of microseconds (rounded up) from 0 to delay_max, whatever was put in.
class DelayTable {
 public:
  static constexpr std::size_t size_max = 16;
  static constexpr std::chrono::nanoseconds delay_max = std::chrono::microseconds{UINT32_MAX};

  constexpr DelayTable() = default;
  constexpr DelayTable(std::initializer_list<std::chrono::nanoseconds> delays) {
    for (const std::chrono::nanoseconds delay : delays) add(delay);
  }
  // What a function says of the retries 1 to size_max, asked now. Where it throws, the delay before
  // stands (none: zero).
  template <typename Function>
  [[nodiscard]] static DelayTable from(Function&& delay_of) {
    DelayTable table;
    for (std::uint32_t retry = 1; retry <= size_max; ++retry) {
      try {
        table.add(delay_of(retry));
      } catch (...) {
        table.add(table.at(retry));
      }
    }
    return table;
  }

  // One too many is not kept; a policy with such a table is refused.
  constexpr void add(std::chrono::nanoseconds delay) {
    const auto bounded = std::clamp(delay, std::chrono::nanoseconds::zero(), delay_max);
    if (size_ < size_max) {
      delays_us_[size_] =
          static_cast<std::uint32_t>(std::chrono::ceil<std::chrono::microseconds>(bounded).count());
    }
    if (size_ <= size_max) ++size_;
  }
  // size_max + 1: more were given than are kept.
  [[nodiscard]] constexpr std::size_t size() const { return size_; }
  // Zero if there is none. REQUIRES: retry >= 1.
  [[nodiscard]] constexpr std::chrono::nanoseconds at(std::uint32_t retry) const {
    const std::size_t kept = std::min<std::size_t>(size_, size_max);
    if (kept == 0) return std::chrono::nanoseconds::zero();
    return std::chrono::microseconds{delays_us_[std::min<std::size_t>(retry, kept) - 1]};
  }

  friend constexpr bool operator==(const DelayTable&, const DelayTable&) = default;

 private:
  std::uint8_t size_ = 0;
  std::array<std::uint32_t, size_max> delays_us_{};
};

// Only a request that is declared idempotent is tried again after it may have reached a worker;
// one that provably did not (queue_full, workers_unavailable) always may. A trivially copyable
// value; the default never retries.
//
// Invariant: 0 <= delay <= max_delay, jitter included, for any retry number and any base.
struct RetryPolicy {
  std::uint32_t max_retries = 0;
  Backoff backoff = Backoff::exponential;
  // The delay is drawn from [d - j, min(max_delay, d + j)], j being so many percent of d; 0: d
  // itself. Not for decorrelated, which is jitter altogether. 0 to 100.
  std::uint8_t jitter_percent = 25;
  DelayTable delays{};  // for custom, which needs at least one
  std::chrono::nanoseconds base_delay = std::chrono::seconds{1};
  std::chrono::nanoseconds max_delay = std::chrono::seconds{30};

  friend constexpr bool operator==(const RetryPolicy&, const RetryPolicy&) = default;
};

}  // namespace ordeal::pool
