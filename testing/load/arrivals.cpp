#include "testing/load/arrivals.hpp"

#include <algorithm>
#include <utility>

namespace ordeal::trial {
namespace {

Rate scaled(Rate rate, std::int64_t percent) { return {rate.per_kilosecond * percent / 100}; }

void add_stretch(RateProfile& profile, Duration length, Rate from, Rate to) {
  if (length.count() > 0) profile.push_back({.length = length, .from = from, .to = to});
}

}  // namespace

RateProfile steady(Rate rate, Duration length) { return {{length, rate, rate}}; }

RateProfile ramp(Rate from, Rate to, Duration length) { return {{length, from, to}}; }

RateProfile spike(Rate base, Rate peak, Duration length) {
  const Duration before = length * 5 / 12;
  const Duration width = length / 6;
  RateProfile profile;
  add_stretch(profile, before, base, base);
  add_stretch(profile, width, peak, peak);
  add_stretch(profile, length - before - width, base, base);
  return profile;
}

RateProfile bursts(Rate base, Rate peak, Duration every, Duration width, Duration length) {
  RateProfile profile;
  for (Duration left = length; left.count() > 0; left -= std::min(left, every)) {
    add_stretch(profile, std::min(left, width), peak, peak);
    add_stretch(profile, std::min(left, every) - std::min(left, width), base, base);
  }
  return profile;
}

RateProfile soak(Rate rate, Duration length, Duration period) {
  const Rate low = scaled(rate, 80);
  const Rate high = scaled(rate, 120);
  RateProfile profile;
  Duration left = length;
  for (bool up = true; left.count() > 0; up = !up) {
    const Duration half = std::min(left, std::max(period / 2, Duration{1}));
    add_stretch(profile, half, up ? low : high, up ? high : low);
    left -= half;
  }
  return profile;
}

Duration length_of(const RateProfile& profile) {
  Duration length{0};
  for (const Stretch& stretch : profile) length += stretch.length;
  return length;
}

Arrivals::Arrivals(RateProfile profile, Spacing spacing, std::uint64_t seed)
    : profile_(std::move(profile)), spacing_(spacing), random_(seed) {}

Arrivals::Area Arrivals::draw_gap() {
  constexpr Area one = 1'000'000'000'000;
  const Area clump = one * spacing_.clump;
  if (spacing_.kind == Spacing::Kind::poisson) {
    return (clump * static_cast<Area>(draw_exponential(random_))) >> 32;
  }
  // The first is due after half an interval, so that a stretch gets its rate's calls exactly.
  return std::exchange(first_, false) ? clump / 2 : clump;
}

Arrivals::Area Arrivals::area_until(const Stretch& stretch, Duration until) {
  const Area t = until.count();
  const Area length = stretch.length.count();
  const Area slope_time = (Area{stretch.to.per_kilosecond} - stretch.from.per_kilosecond) * t;
  // slope_time * t / length / 2 without overflow.
  const Area bend = (slope_time / length) * t + (slope_time % length) * t / length;
  return Area{stretch.from.per_kilosecond} * t + bend / 2;
}

std::optional<Duration> Arrivals::next() {
  if (clump_left_ > 0) {
    --clump_left_;
    return stretch_begins_ + within_;
  }
  wanted_ += draw_gap();
  for (; stretch_ < profile_.size(); ++stretch_) {
    const Stretch& stretch = profile_[stretch_];
    const Area whole = stretch.length.count() > 0 ? area_until(stretch, stretch.length) : 0;
    if (wanted_ < whole) break;
    wanted_ -= whole;
    stretch_begins_ += stretch.length;
    within_ = Duration{0};
  }
  if (stretch_ == profile_.size()) return {};
  // The earliest nanosecond by which the rate has made so much.
  const Stretch& stretch = profile_[stretch_];
  Duration low = within_;
  Duration high = stretch.length;
  while (low < high) {
    const Duration middle = low + (high - low) / 2;
    if (area_until(stretch, middle) < wanted_) {
      low = middle + Duration{1};
    } else {
      high = middle;
    }
  }
  within_ = low;
  clump_left_ = spacing_.clump - 1;
  return stretch_begins_ + within_;
}

std::vector<Duration> all_arrivals(const RateProfile& profile, Spacing spacing,
                                   std::uint64_t seed) {
  std::vector<Duration> due;
  Arrivals arrivals{profile, spacing, seed};
  while (const auto next = arrivals.next()) due.push_back(*next);
  return due;
}

}  // namespace ordeal::trial
