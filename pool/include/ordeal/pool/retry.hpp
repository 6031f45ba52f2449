// Whether, when and how often a request that failed is tried again.
#pragma once

#include <chrono>
#include <cstdint>

namespace ordeal::pool {

// How the delay grows. n: the number of the retry, from 1; b: base_delay.
enum class Backoff : std::uint8_t {
  constant,      // b
  linear,        // n * b
  exponential,   // b * 2^(n-1)
  fibonacci,     // b * F(n), F(1) = F(2) = 1
  decorrelated,  // drawn from [b, 3 * the last delay]; the first "last" is b
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
  std::chrono::nanoseconds base_delay = std::chrono::seconds{1};
  std::chrono::nanoseconds max_delay = std::chrono::seconds{30};

  friend constexpr bool operator==(const RetryPolicy&, const RetryPolicy&) = default;
};

}  // namespace ordeal::pool
