// Whether those who come to their turn have waited too long, for too long: controlled delay, as
// RFC 8289 has it for packets and "Fail at Scale" for requests.
//
// A burst makes a queue that goes away again: somebody in each interval waits less than `target`. A
// queue in which for a whole interval nobody did is standing: it makes everybody late and serves
// nobody. Then whoever has waited for more than twice the target is dropped when its turn comes,
// until somebody has waited for no longer than the target.
//
// Invariants (property 21 of references/perf-resilience-anchors.md, part B5):
//   (1) Nobody is dropped unless, in the whole interval before, nobody waited for as little as the
//       target, and at least two were looked at in it; nor after somebody did.
//   (2) Nobody is dropped that has waited for no more than twice the target.
//   (3) The first of each interval is never dropped: where one takes longer than an interval, it is
//       the work that is slow, not the queue that stands.
//   (4) An interval in which nobody was looked at ends the overload.
//
// Pure, deterministic, integers only; a value.
#pragma once

#include <cstdint>

#include "pool/core/time.hpp"

namespace ordeal::pool::core {

struct CodelRules {
  Duration target{};  // zero: off
  Duration interval = std::chrono::milliseconds{100};
  [[nodiscard]] constexpr bool on() const { return target > Duration::zero(); }
};

class Codel {
 public:
  explicit Codel(const CodelRules& rules) : rules_(rules) {}
  // Somebody comes to its turn, having waited for so long. True: drop it. REQUIRES: rules.on(), and
  // `now` does not run backwards.
  [[nodiscard]] bool drops(Instant now, Duration waited);
  [[nodiscard]] bool overloaded() const { return overloaded_; }

 private:
  CodelRules rules_;
  Instant began_{};         // of this interval
  Duration least_{};        // waited in it
  std::uint32_t seen_ = 0;  // in it; 0: there has been none
  bool overloaded_ = false;
};

}  // namespace ordeal::pool::core
