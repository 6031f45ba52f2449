// Time as a value. The core is told what time it is and never asks; so its clock has no now().
// One file of the runtime (runtime/clock.cpp) turns the system's monotonic clock into Instants.
#pragma once

#include <chrono>
#include <cstdint>

namespace ordeal::pool::core {

using Duration = std::chrono::nanoseconds;

// A clock without now(): it only gives Instant a type of its own. The epoch is whatever the
// feeder of events uses throughout (the system's monotonic clock, or the simulator's zero).
struct VirtualClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<VirtualClock>;
  static constexpr bool is_steady = true;
};

using Instant = VirtualClock::time_point;

// "No deadline". Comparisons with it just work; arithmetic with it must go through after().
inline constexpr Instant never = Instant::max();

// now + delay without overflow: saturates at `never`.
[[nodiscard]] constexpr Instant after(Instant now, Duration delay) {
  if (delay >= never - now) return never;
  return now + delay;
}

}  // namespace ordeal::pool::core
