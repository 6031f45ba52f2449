// A leak told from a cache: what grows by work is replaced, what stays, falls or makes one step is
// not; and the plain limit holds.
#include "pool/core/memory_trend.hpp"
#include "testing/model/walks/walk.hpp"

namespace ordeal::trial {

using namespace pool::core;  // NOLINT: this file speaks the core's vocabulary throughout

namespace {

enum class Shape : std::uint8_t {
  level,
  falls,
  one_step,
  grows
};

std::uint64_t memory_at(Shape shape, std::uint64_t served, std::uint64_t step_at,
                        std::uint64_t by_request) {
  constexpr std::uint64_t first = 100'000;
  switch (shape) {
    case Shape::level:
      return first;
    case Shape::falls:
      return first - std::min(first, served * by_request);
    case Shape::one_step:
      return first + (served >= step_at ? 50'000 : 0);
    case Shape::grows:
      return first + served * by_request;
  }
  return first;
}

}  // namespace

std::string walk_memory(Random& random, std::uint32_t steps) {
  for (std::uint32_t walked = 0; walked < steps;) {
    MemoryRules rules;
    rules.growth_kib = random.below(200);
    rules.window_requests = static_cast<std::uint64_t>(random.between(4, 40));
    if (rules.growth_kib == 0 || random.chance(1, 4)) rules.max_kib = 120'000;
    const auto shape = static_cast<Shape>(random.below(4));
    const std::uint64_t by_request = 1 + rules.growth_kib / 50;  // twice what is worth a restart
    const std::uint64_t step_at = random.below(3 * rules.window_requests);
    MemoryTrend real;
    bool said = false;
    const std::uint64_t last = 3 * rules.window_requests;
    for (std::uint64_t served = 1; served <= last; ++served, ++walked) {
      const std::uint64_t rss = memory_at(shape, served, step_at, by_request);
      const bool over = rules.max_kib != 0 && rss > rules.max_kib;
      const bool replaced = real.add(rules, served, rss);
      said = said || replaced;
      if (over && !replaced) return "a worker has more memory than it may, and stays";
      if (replaced && !over && shape != Shape::grows) return "memory that does not grow is a leak";
    }
    const bool leaks = shape == Shape::grows && rules.growth_kib > 0;
    if (leaks && !said) return "memory that grows with every request is none";
  }
  return {};
}

}  // namespace ordeal::trial
