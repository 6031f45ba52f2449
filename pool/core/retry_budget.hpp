// How many retries a pool affords: a bucket of tokens that first attempts fill and retries empty,
// so that a pool whose workers all fail does not multiply its load.
//
// In integers: a retry costs `retry_cost` milli-tokens, each first attempt brings `percent` of
// that, and time brings `per_second` retries' worth. The bucket holds `retries_max` retries and
// begins full. A retry is charged when it is scheduled, so that requests that pause count; the
// charge is given back only if the retry never starts. A request is refused, never made to wait.
//
// Invariants (numbers of perf-resilience-anchors B5):
//   (14) 0 <= tokens <= capacity; in any interval retries <= retries_max
//        + percent/100 * first attempts + per_second * seconds + 1.
//   (23) With per_second = 0 attempts / first attempts tends to at most 1 + percent/100.
// Not thread-safe; a value.
#pragma once

#include <cstdint>

#include "pool/core/time.hpp"

namespace ordeal::pool::core {

struct RetryBudgetOptions {
  std::uint32_t percent = 20;       // retries earned by a hundred first attempts
  std::uint32_t retries_max = 100;  // saved up at most
  std::uint32_t per_second = 10;    // afforded whatever the traffic
};

class RetryBudget {
 public:
  static constexpr std::int64_t retry_cost = 1000;

  explicit RetryBudget(const RetryBudgetOptions& options);

  // A request has been granted its first worker. On the hot path: it is only counted, and paid in
  // when it matters.
  void earn() { ++earners_; }
  // Charges a retry, or says that there is nothing left. REQUIRES: now does not run backwards.
  [[nodiscard]] bool charge(Instant now);
  // A retry that was charged will not be made.
  void refund();

  [[nodiscard]] std::int64_t tokens() const;  // but for what time has brought since the last charge
  [[nodiscard]] std::int64_t capacity() const { return capacity_; }

 private:
  void pay_in();
  void accrue(Instant now);

  std::int64_t capacity_;
  std::int64_t earned_;      // by each first attempt
  std::int64_t per_second_;  // retries
  std::int64_t tokens_;
  std::int64_t earners_ = 0;  // first attempts that are not in tokens_ yet
  std::int64_t rest_ = 0;     // of accrued time: millionths of a milli-token
  Instant accrued_until_{};
};

}  // namespace ordeal::pool::core
