// (B5 20) How long a newcomer would wait: the formula of wait_estimate.hpp, said again.
#include <algorithm>

#include "pool/core/wait_estimate.hpp"
#include "testing/model/walks/walk.hpp"

namespace ordeal::trial {

using namespace pool::core;  // NOLINT: this file speaks the core's vocabulary throughout
using namespace std::chrono_literals;

std::string walk_estimate(Random& random, std::uint32_t steps) {
  WaitEstimate real;
  Duration least = Duration::max();
  Duration most{};
  double mean = 0;
  std::uint64_t noted = 0;
  for (std::uint32_t step = 0; step < steps; ++step) {
    if (random.chance(1, 2)) {
      const Duration held = random.between(0, 50) * 1ms;
      real.note(held);
      least = std::min(least, held);
      most = std::max(most, held);
      const auto value = static_cast<double>(held.count());
      mean = noted++ == 0 ? value : mean + (value - mean) / 8;
    }
    if (noted > 0 && (real.mean() < least || real.mean() > most)) {
      return "the mean is beyond all that has been noted";
    }
    const auto ahead = static_cast<std::size_t>(random.between(0, 20));
    const auto slots = static_cast<std::size_t>(random.between(1, 8));
    const Duration remaining = random.between(0, 300) * 1ms;
    const double late = mean * static_cast<double>(ahead + 1) / static_cast<double>(slots) + mean -
                        static_cast<double>(remaining.count());
    const Duration said = real.lateness(ahead, slots, remaining);
    if (said < Duration::zero()) return "one is late by less than nothing";
    if (noted == 0 || ahead == 0) {
      if (said > Duration::zero()) return "one is called late of whom nothing can be known";
      continue;
    }
    // The core counts in whole nanoseconds.
    if (std::abs(static_cast<double>(said.count()) - std::max(late, 0.0)) > 1'000) {
      return "one is late by another time";
    }
  }
  return {};
}

}  // namespace ordeal::trial
