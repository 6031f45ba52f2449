// How long a newcomer would wait, as far as one can tell: the mean time for which a request has
// held its slot, times those who stand before it, shared among the slots.
//
//     until the answer = mean * (ahead + 1) / slots + mean
//
// Invariants:
//   (1) Nothing is estimated before one request has been through.
//   (2) Who would stand first is never called late: somebody always gets through, so that a mean
//       of worse times is unlearnt.
//   (3) The mean lies between the least and the greatest time noted.
//
// Pure, deterministic, integers only; a value.
#pragma once

#include <cstddef>
#include <cstdint>

#include "pool/core/time.hpp"

namespace ordeal::pool::core {

class WaitEstimate {
 public:
  // A request has held its slot for so long, late replies included. REQUIRES: held >= 0.
  void note(Duration held);
  // Of the last dozen or so (each new one weighs an eighth); zero: none has been noted.
  [[nodiscard]] Duration mean() const { return mean_; }
  // By how much the answer to one with `ahead` others before it would miss a deadline that is
  // `remaining` away; zero: it may come in time, or nobody knows.
  [[nodiscard]] Duration lateness(std::size_t ahead, std::size_t slots, Duration remaining) const;

 private:
  Duration mean_{};
  bool known_ = false;
};

}  // namespace ordeal::pool::core
