// When calls are due: a rate over time, and how arrivals are spaced under it.
//
// Pure: a schedule is data, for virtual and for real time alike. The arrivals are a unit process
// (evenly spaced, Poisson, in clumps) seen through the integral of the rate, so every spacing works
// under every rate. Integers throughout: the same seed gives the same nanoseconds everywhere.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "testing/load/draws.hpp"

namespace ordeal::trial {

// Calls in 1000 s, so that a call every few seconds is a rate as well.
struct Rate {
  std::int64_t per_kilosecond = 0;
  [[nodiscard]] static constexpr Rate per_second(std::int64_t calls) { return {calls * 1000}; }
  friend bool operator==(Rate, Rate) = default;
};

// The rate moves evenly from `from` to `to`.
struct Stretch {
  Duration length{0};
  Rate from;
  Rate to;
  friend bool operator==(const Stretch&, const Stretch&) = default;
};
using RateProfile = std::vector<Stretch>;

[[nodiscard]] RateProfile steady(Rate rate, Duration length);
[[nodiscard]] RateProfile ramp(Rate from, Rate to, Duration length);
// `peak` in the middle sixth, `base` around it.
[[nodiscard]] RateProfile spike(Rate base, Rate peak, Duration length);
// `peak` for `width` at the start of each `every`, `base` between. REQUIRES: 0 < width <= every.
[[nodiscard]] RateProfile bursts(Rate base, Rate peak, Duration every, Duration width,
                                 Duration length);
// A long time about `rate`: it swings by a fifth up and down in each `period`, so that queues fill
// and empty again. REQUIRES: period > 0.
[[nodiscard]] RateProfile soak(Rate rate, Duration length, Duration period);

[[nodiscard]] Duration length_of(const RateProfile& profile);

struct Spacing {
  enum class Kind : std::uint8_t {
    even,
    poisson
  } kind = Kind::even;
  std::uint32_t clump = 1;  // so many calls are due at the same instant; the rate stays the same
  friend bool operator==(const Spacing&, const Spacing&) = default;
};

class Arrivals {
 public:
  // REQUIRES: no length is negative or above 10^6 s, no rate negative or above 10^7 a second, and
  // spacing.clump > 0.
  Arrivals(RateProfile profile, Spacing spacing, std::uint64_t seed);
  // The next one's distance from the start, never smaller than the last one's; nothing when the
  // profile is over.
  [[nodiscard]] std::optional<Duration> next();

 private:
  // Calls, in 10^-12: what a rate per 1000 s makes in a nanosecond.
  __extension__ using Area = __int128;
  [[nodiscard]] Area draw_gap();
  [[nodiscard]] static Area area_until(const Stretch& stretch, Duration until);

  RateProfile profile_;
  Spacing spacing_;
  Random random_;
  std::size_t stretch_ = 0;
  Duration stretch_begins_{0};
  Duration within_{0};  // the stretch: where the last arrival was
  Area wanted_ = 0;     // from the stretch's begin to the next arrival
  std::uint32_t clump_left_ = 0;
  bool first_ = true;
};

// All of them. REQUIRES: fewer than some millions.
[[nodiscard]] std::vector<Duration> all_arrivals(const RateProfile& profile, Spacing spacing,
                                                 std::uint64_t seed);

}  // namespace ordeal::trial
