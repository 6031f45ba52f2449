#include "pool/core/codel.hpp"

#include <algorithm>

namespace ordeal::pool::core {

bool Codel::drops(Instant now, Duration waited) {
  const Instant end = after(began_, rules_.interval);
  if (seen_ == 0 || now >= end) {
    const bool at_once = now < after(end, rules_.interval);
    overloaded_ = at_once && seen_ >= 2 && least_ > rules_.target;
    began_ = now;
    least_ = waited;
    seen_ = 0;
  }
  ++seen_;
  least_ = std::min(least_, waited);
  if (waited <= rules_.target) overloaded_ = false;
  return overloaded_ && seen_ > 1 && waited > 2 * rules_.target;
}

}  // namespace ordeal::pool::core
