// Checkers: pure functions of a history, written as small types so that each has a name. They know
// nothing of faults but what a kill leaves behind.
//
// To add one: a type here with check(), its body in checkers.cpp, and a made-up history in
// tests/checkers_test.cpp that makes it fail.
#pragma once

#include <cstdint>
#include <vector>

#include "testing/checkers/verdict.hpp"
#include "testing/load/history.hpp"

namespace ordeal::trial {

// sent = ok + failed + indeterminate + lost, and lost = 0.
// Unknown: nothing was sent.
struct ConservationChecker {
  [[nodiscard]] Verdict check(const History& history) const;
};

// Every ok reply carries the nonce of its own call. Unknown: no call ended ok.
struct MixUpChecker {
  [[nodiscard]] Verdict check(const History& history) const;
};

struct Kill {
  int pid = 0;
  std::uint64_t worker = 0;
};

// Without retries: failed + indeterminate <= kills that struck a request in hand. A kill struck if
// a call's error carries a death certificate of that process with a request in hand.
struct CasualtyChecker {
  [[nodiscard]] Verdict check(const History& history, const std::vector<Kill>& kills) const;
};
[[nodiscard]] bool struck(const Kill& kill, const History& history);

// At least this share of all calls ended ok: a pool that refuses everything is no pass.
struct ServiceChecker {
  std::uint32_t ok_percent_min = 90;
  [[nodiscard]] Verdict check(const History& history) const;
};

[[nodiscard]] std::uint64_t count_mixed_up(const History& history);

}  // namespace ordeal::trial
