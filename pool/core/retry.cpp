#include "pool/core/retry.hpp"

#include <algorithm>

#include "pool/core/assert.hpp"
#include "pool/core/backoff.hpp"

namespace ordeal::pool::core {
namespace {

// base * factor, at most cap, asked without computing what might not fit.
Duration times(Duration base, std::int64_t factor, Duration cap) {
  if (base.count() == 0) return Duration::zero();
  return factor > cap.count() / base.count() ? cap : base * factor;
}

Duration fibonacci(Duration base, std::uint32_t n, Duration cap) {
  if (base.count() == 0) return Duration::zero();
  Duration previous{};
  Duration current = std::min(base, cap);
  // At the cap it stays; from one nanosecond it gets there within 92 steps.
  for (std::uint32_t i = 1; i < n && current < cap; ++i) {
    const Duration next = previous > cap - current ? cap : previous + current;
    previous = current;
    current = next;
  }
  return current;
}

Duration without_jitter(const RetryPolicy& policy, std::uint32_t retry, Duration base,
                        Duration cap) {
  switch (policy.backoff) {
    case Backoff::constant:
      return std::min(base, cap);
    case Backoff::linear:
      return times(base, retry, cap);
    case Backoff::exponential:
      return backoff_ceiling(base, cap, retry);
    case Backoff::fibonacci:
      return fibonacci(base, retry, cap);
    case Backoff::custom:
      return std::min(policy.delays.at(retry), cap);
    case Backoff::decorrelated:
      break;
  }
  return cap;
}

}  // namespace

DelayRange delay_range(const RetryPolicy& policy, std::uint32_t retry, Duration last) {
  ORDEAL_ASSERT(retry >= 1, "the first retry is number one");
  const Duration cap = std::max(policy.max_delay, Duration::zero());
  const Duration base = std::max(policy.base_delay, Duration::zero());
  if (policy.backoff == Backoff::decorrelated) {
    const Duration lowest = std::min(base, cap);
    return {lowest, std::max(lowest, times(std::max(last, base), 3, cap))};
  }
  const Duration delay = without_jitter(policy, retry, base, cap);
  const std::int64_t percent = std::min<std::int64_t>(policy.jitter_percent, 100);
  // Hundredths and rest apart, so that nothing overflows.
  const Duration jitter = delay / 100 * percent + Duration{delay.count() % 100 * percent / 100};
  return {delay - jitter, jitter > cap - delay ? cap : delay + jitter};
}

Duration retry_delay(const RetryPolicy& policy, std::uint32_t retry, Duration last,
                     Random& random) {
  const DelayRange range = delay_range(policy, retry, last);
  if (range.lowest == range.highest) return range.lowest;
  return Duration{random.between(range.lowest.count(), range.highest.count())};
}

}  // namespace ordeal::pool::core
