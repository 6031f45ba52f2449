// How the last calls went: so many calls, or so long a time, of which only the sums matter.
//
// Invariants (numbers of perf-resilience-anchors B5):
//   (7) Over calls: the sums are those of the last `calls` records. Over time: of the records whose
//       slice is among the `slices` newest, a slice being floor(instant / width). So they depend on
//       when calls ended, never on when somebody looked; any jump forward is fine.
//  (10) Within the window the order of the records does not matter.
// record: O(1), but for time that has passed: O(slices). Allocates when made, never again.
// Not thread-safe; a value.
#pragma once

#include <cstdint>
#include <vector>

#include "pool/core/time.hpp"

namespace ordeal::pool::core {

class CallWindow {
 public:
  struct Sums {
    std::uint32_t calls = 0;
    std::uint32_t failed = 0;
    std::uint32_t slow = 0;
  };

  // Keeps nothing.
  CallWindow() = default;
  // REQUIRES: calls >= 1; slices >= 1, width > 0.
  [[nodiscard]] static CallWindow over_calls(std::uint32_t calls);
  [[nodiscard]] static CallWindow over_time(std::uint32_t slices, Duration width);

  // REQUIRES: now does not run backwards.
  void record(Instant now, bool failed, bool slow);
  void forget(Instant now);  // whose time is over
  void clear();
  [[nodiscard]] const Sums& sums() const { return sums_; }  // as of the last record or forget

 private:
  void push(const Sums& entry);
  void take_off(const Sums& entry);

  std::vector<Sums> ring_;  // over calls: one entry a call; over time: one a slice
  std::size_t newest_ = 0;
  Duration width_{};  // zero: over calls
  std::int64_t slice_ = 0;
  Sums sums_;
};

}  // namespace ordeal::pool::core
