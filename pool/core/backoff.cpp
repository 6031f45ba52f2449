#include "pool/core/backoff.hpp"

#include <algorithm>

#include "pool/core/assert.hpp"

namespace ordeal::pool::core {

Duration backoff_ceiling(Duration base, Duration cap, std::uint32_t failures) {
  ORDEAL_ASSERT(base.count() >= 0 && cap.count() >= 0, "a backoff's base and cap are not negative");
  if (failures == 0 || base.count() == 0) return Duration::zero();
  const std::uint32_t doublings = failures - 1;
  // base * 2^doublings > cap, asked without computing what might not fit.
  if (doublings >= 63 || base.count() > (cap.count() >> doublings)) return cap;
  return base * (std::int64_t{1} << doublings);
}

Duration backoff_delay(Duration base, Duration cap, std::uint32_t failures, Random& random) {
  const Duration ceiling = backoff_ceiling(base, cap, failures);
  const std::int64_t taken_away = random.between(0, ceiling.count() / 2);
  return ceiling - Duration{taken_away};
}

}  // namespace ordeal::pool::core
