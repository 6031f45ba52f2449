// How many requests may be in the pool at once, waiting or in a worker: as many as can be answered
// in not much more than the time that a worker needs for one. Learnt from what is answered.
//
// Each window of answers (as many as twice the limit, ten at least) moves the limit once:
//
//     too many deadlines missed in it (a tenth)     limit * 0.9
//     else   gradient = tolerance * time in a worker / time in all, from 0.5 to 1
//            target   = limit * gradient + sqrt(limit)       limit + (target - limit) / 5
//
// "Time in a worker" is the lesser of this window's and what it has been for long, so that both a
// queue that grows and workers that get slower together (what they call is overloaded) lower it.
//
// Invariants (property 22 of references/perf-resilience-anchors.md, part B5):
//   (1) min <= limit <= max, always.
//   (2) It does not grow while less than half of it was in use.
//   (3) If deadlines are missed for ever, it falls to min: they are no times of answers.
//   (4) It is moved by windows alone: a single slow answer moves nothing.
//
// Pure, deterministic, integers only; a value.
#pragma once

#include <algorithm>
#include <cstdint>
#include <tuple>

#include "pool/core/field.hpp"
#include "pool/core/time.hpp"

namespace ordeal::pool::core {

struct LimitRules {
  std::uint32_t max = 0;  // 0: off
  std::uint32_t min = 1;
  std::uint32_t tolerance_percent = 200;  // of the time in a worker: from submit to answer
  [[nodiscard]] constexpr bool on() const { return max > 0; }
  static constexpr auto fields() {
    return std::tuple{field("max", &LimitRules::max), field("min", &LimitRules::min),
                      field("tolerance_percent", &LimitRules::tolerance_percent)};
  }
};

class ConcurrencyLimit {
 public:
  // `first`: where it begins; clamped.
  ConcurrencyLimit(const LimitRules& rules, std::uint32_t first);
  // Whether one more may come in, beside so many.
  [[nodiscard]] bool admits(std::uint32_t inside);
  // An answer, so long after its request came in, and so long after a worker got it.
  void note_answer(Duration in_all, Duration in_worker);
  void note_missed_deadline();
  [[nodiscard]] std::uint32_t limit() const { return static_cast<std::uint32_t>(limit_ / one); }

 private:
  static constexpr std::int64_t one = 256;  // of limit_
  void close_window();

  LimitRules rules_;
  std::int64_t limit_;            // in parts of `one`
  std::uint32_t inside_max_ = 0;  // in this window, as all of these
  std::int64_t answers_ = 0;
  std::int64_t missed_ = 0;
  Duration in_all_{};
  Duration in_worker_{};
  Duration usual_{};  // in a worker, over many windows; zero: not known yet
};

}  // namespace ordeal::pool::core
