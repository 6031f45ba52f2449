// Draws that loads are made of: waits, service times, popular sessions.
//
// Seeded, and the same on every machine: integers, and of floating point only what IEEE 754 rounds
// exactly (+ - * / sqrt), never a library's log, exp or pow. One draw a statement (random.hpp).
#pragma once

#include <cstdint>
#include <vector>

#include "pool/core/random.hpp"
#include "pool/core/time.hpp"

namespace ordeal::trial {

using pool::core::Duration;
using pool::core::Random;

// Exponential with mean 1, in units of 2^-32. Von Neumann's method: comparisons only, exact.
[[nodiscard]] std::uint64_t draw_exponential(Random& random);

// base^(percent / 100). REQUIRES: base > 0.
[[nodiscard]] double power(double base, std::uint32_t percent);

// How long one call keeps its worker.
struct ServiceTime {
  enum class Shape : std::uint8_t {
    constant,     // `typical`
    exponential,  // mean `typical`, at most `max`
    heavy_tail    // at least `typical`; each halving of the calls left is `growth_percent` longer
  };
  Shape shape = Shape::constant;
  Duration typical{0};
  // heavy_tail: 100 means twice as long for half of the calls: a Pareto tail of index 1, whose mean
  // only `max` keeps finite; 41 an index of 2.
  std::uint32_t growth_percent = 100;
  Duration max = std::chrono::seconds{1};
  friend bool operator==(const ServiceTime&, const ServiceTime&) = default;
};
[[nodiscard]] Duration draw_service_time(const ServiceTime& service, Random& random);

// Who is called for: one of `count`, the i-th in proportion to 1 / (i+1)^(skew_percent / 100).
// 0 is even; 100 is Zipf's law: of 1000 sessions the first ten make 39 % of the calls.
class Popularity {
 public:
  Popularity(std::uint32_t count, std::uint32_t skew_percent);  // REQUIRES: count > 0
  [[nodiscard]] std::uint32_t draw(Random& random) const;

 private:
  std::vector<std::uint64_t> weights_up_to_;  // cumulative
};

}  // namespace ordeal::trial
