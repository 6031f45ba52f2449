#include "pool/core/health.hpp"

#include <algorithm>

#include "pool/core/assert.hpp"
#include "pool/core/backoff.hpp"

namespace ordeal::pool::core {

bool HealthCheck::begin(Instant now) {
  ORDEAL_ASSERT(!waiting_, "one answer is waited for at a time");
  waiting_ = true;
  if (unanswered_) return false;
  unanswered_ = true;
  asked_at_ = now;
  return true;
}

bool HealthCheck::answered() {
  const bool awaited = unanswered_;
  unanswered_ = false;
  return awaited;
}

std::uint32_t HealthCheck::failed() {
  waiting_ = false;
  return ++failures_;
}

Duration probe_rest(const HealthRules& rules) { return rules.interval - rules.interval / 4; }

Duration probe_period(const HealthRules& rules, Random& random) {
  return Duration{random.between(probe_rest(rules).count(), rules.interval.count())};
}

Duration probe_pause(const HealthRules& rules, Duration longest, std::uint32_t failures,
                     Random& random) {
  const Duration base = std::min(longest, rules.interval / 8);
  return backoff_delay(base, rules.interval, failures, random);
}

}  // namespace ordeal::pool::core
