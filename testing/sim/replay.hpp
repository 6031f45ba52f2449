// Feeds a trace's events to a fresh core and compares its actions with the trace's, byte for byte;
// and judges them: a pool on real processes that was recorded has made the same promises as a
// simulated one (testing/model/core_oracle.hpp).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pool/core/time.hpp"

namespace ordeal::trial {

struct ReplayResult {
  bool same = false;
  std::uint64_t events = 0;
  std::uint64_t actions = 0;
  std::uint64_t line = 0;  // of the first difference, or of what cannot be read; 0: none
  std::string difference;  // "line 12: the trace says <...>, the core says <...>"
  // For what the run had reason to wait: what the core had due next, after each event, and until
  // when its requests were to be answered. In no order, some more than once.
  std::vector<pool::core::Instant> deadlines;
  pool::core::Instant last_event{};
};

// Never throws; a text that is no trace, or was cut off, is a difference.
[[nodiscard]] ReplayResult replay(std::string_view trace);

// The first promise that the recorded core has broken, with the event's number; empty: none. What
// follows a difference is not judged.
[[nodiscard]] std::string broken_promise(std::string_view trace);

}  // namespace ordeal::trial
