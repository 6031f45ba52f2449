// Order and deadlines in a history of concurrent calls: what a pool promises of when, judged from
// what its clients and its workers saw, and from nothing that it says of itself.
//
// Both are sound: what they call broken is broken, however the machine's scheduler delayed who
// wrote the history down. So they need no tolerance, but where a slack is named.
#pragma once

#include <span>
#include <string>

#include "pool/core/time.hpp"
#include "testing/checkers/verdict.hpp"

namespace ordeal::trial {

struct TimedCall {
  std::string name;
  pool::core::Instant submitted{};  // noted before it was handed to the pool
  // Noted when the pool had it: from then on it waits there. never: not known.
  pool::core::Instant accepted = pool::core::never;
  pool::core::Instant deadline = pool::core::never;
  pool::core::Instant ended{};  // noted by its client, when it had been told the outcome
  std::string code = "ok";      // the outcome's
  // The worker that had it first, and when that worker began, by the clock of all. 0: none, or
  // nobody has heard.
  std::uint64_t worker = 0;
  pool::core::Instant began{};
};

// First come, first served, among equals: a call that was handed to the pool when another had been
// in it for a while is not begun before that other one. Told from each worker's own sequence, for
// only there a beginning is a grant's order and not a matter of which process woke first.
// Unknown: no call had to wait while another came.
struct OrderChecker {
  [[nodiscard]] Verdict check(std::span<const TimedCall> calls) const;
};

// Each call has its outcome by its deadline and `slack`; none is told that its time is over before
// it is; none is begun when it is over.
// `slack`: between a decision and the note of it. Virtual time needs none.
// Unknown: no call's time was over.
struct DeadlineChecker {
  pool::core::Duration slack{};
  [[nodiscard]] Verdict check(std::span<const TimedCall> calls) const;
};

}  // namespace ordeal::trial
