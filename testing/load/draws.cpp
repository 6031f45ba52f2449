#include "testing/load/draws.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace ordeal::trial {
namespace {

constexpr std::uint32_t fraction_bits = 32;

Duration scaled(Duration by_one, std::uint64_t factor_in_fractions) {
  const double factor = static_cast<double>(factor_in_fractions) / 4294967296.0;
  return Duration{static_cast<Duration::rep>(static_cast<double>(by_one.count()) * factor)};
}

Duration draw_heavy_tail(const ServiceTime& service, Random& random) {
  const std::uint64_t halvings_bits = random.next();
  const std::uint64_t between = random.next() >> fraction_bits;
  const auto halvings = static_cast<std::uint32_t>(std::countl_zero(halvings_bits));
  const double growth = static_cast<double>(service.growth_percent) / 100;
  double length = static_cast<double>(service.typical.count());
  const auto longest = static_cast<double>(service.max.count());
  for (std::uint32_t i = 0; i < halvings && length < longest; ++i) length *= 1 + growth;
  length *= 1 + growth * static_cast<double>(between) / 4294967296.0;
  return Duration{static_cast<Duration::rep>(std::min(length, longest))};
}

}  // namespace

std::uint64_t draw_exponential(Random& random) {
  // A run of ever smaller draws is of odd length with probability 1 - e^-x, given that it starts
  // below x: then its start is the fraction. Else the whole part grows by one: probability 1/e.
  for (std::uint64_t whole = 0;; ++whole) {
    const std::uint64_t start = random.next();
    std::uint64_t last = start;
    bool odd = true;
    for (std::uint64_t next = random.next(); next < last; next = random.next()) {
      last = next;
      odd = !odd;
    }
    if (odd) return (whole << fraction_bits) + (start >> fraction_bits);
  }
}

double power(double base, std::uint32_t percent) {
  double result = 1;
  for (std::uint32_t i = 0; i < percent / 100; ++i) result *= base;
  double root = base;
  // The fraction, bit by bit: base^(1/2), base^(1/4), ...
  std::uint32_t left = percent % 100;
  for (int bit = 0; bit < 32 && left > 0; ++bit) {
    root = std::sqrt(root);
    left *= 2;
    if (left >= 100) {
      result *= root;
      left -= 100;
    }
  }
  return result;
}

Duration draw_service_time(const ServiceTime& service, Random& random) {
  switch (service.shape) {
    case ServiceTime::Shape::constant:
      return service.typical;
    case ServiceTime::Shape::exponential:
      return std::min(scaled(service.typical, draw_exponential(random)), service.max);
    case ServiceTime::Shape::heavy_tail:
      return draw_heavy_tail(service, random);
  }
  return service.typical;
}

Popularity::Popularity(std::uint32_t count, std::uint32_t skew_percent) {
  constexpr double first_weight = 4294967296.0 * 256;  // so that the last of a million counts
  std::uint64_t sum = 0;
  weights_up_to_.reserve(count);
  for (std::uint32_t i = 1; i <= count; ++i) {
    const double weight = first_weight / power(static_cast<double>(i), skew_percent);
    sum += std::max<std::uint64_t>(static_cast<std::uint64_t>(weight), 1);
    weights_up_to_.push_back(sum);
  }
}

std::uint32_t Popularity::draw(Random& random) const {
  const std::uint64_t at = random.below(weights_up_to_.back());
  const auto found = std::upper_bound(weights_up_to_.begin(), weights_up_to_.end(), at);
  return static_cast<std::uint32_t>(found - weights_up_to_.begin());
}

}  // namespace ordeal::trial
