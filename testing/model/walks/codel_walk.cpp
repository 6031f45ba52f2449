// (B5 21) Controlled delay: who is dropped at its turn, told from all turns that there have been.
#include <algorithm>
#include <vector>

#include "pool/core/codel.hpp"
#include "testing/model/walks/walk.hpp"

namespace ordeal::trial {

using namespace pool::core;  // NOLINT: this file speaks the core's vocabulary throughout
using namespace std::chrono_literals;

namespace {

struct Interval {
  Instant began{};
  std::vector<Duration> waits;
};

// An interval begins with the first turn behind the end of the one before.
struct Model {
  CodelRules rules;
  std::vector<Interval> all;

  [[nodiscard]] bool stood() const {
    if (all.size() < 2) return false;
    const Interval& before = all[all.size() - 2];
    const bool at_once = all.back().began < before.began + 2 * rules.interval;
    return at_once && before.waits.size() >= 2 &&
           *std::min_element(before.waits.begin(), before.waits.end()) > rules.target;
  }
  bool drops(Instant now, Duration waited) {
    if (all.empty() || now >= all.back().began + rules.interval) all.push_back({now, {}});
    std::vector<Duration>& waits = all.back().waits;
    waits.push_back(waited);
    const bool somebody_quick =
        std::any_of(waits.begin(), waits.end(), [this](Duration w) { return w <= rules.target; });
    return stood() && !somebody_quick && waits.size() > 1 && waited > 2 * rules.target;
  }
};

}  // namespace

std::string walk_codel(Random& random, std::uint32_t steps) {
  constexpr std::uint32_t each = 100;  // then another, with other rules
  for (std::uint32_t walked = 0; walked < steps; walked += each) {
    const CodelRules rules{.target = random.between(1, 3) * 1ms,
                           .interval = random.between(2, 20) * 1ms};
    Codel real{rules};
    Model model{.rules = rules, .all = {}};
    Instant now{1s};
    const bool busy = random.chance(1, 2);  // nobody is quick for long
    for (std::uint32_t step = 0; step < each; ++step) {
      now += random.between(0, random.chance(1, 12) ? 60 : 3) * 1ms;
      const bool slow = random.chance(busy ? 39 : 4, busy ? 40 : 5);
      const Duration waited = slow ? random.between(2, 12) * 1ms : random.between(0, 3) * 1ms;
      const bool drops = model.drops(now, waited);
      if (real.drops(now, waited) == drops) continue;
      return drops ? "(B5 21) who waits in a queue that stands is kept"
                   : "(B5 21) who comes to its turn is dropped, and the queue does not stand";
    }
  }
  return {};
}

}  // namespace ordeal::trial
