// The book of recoveries: who is active, how each ended, and what came too late. A pure machine.
//
//     begin ──(room)──▶ active ──end(outcome)──▶ one of succeeded, failed, cancelled, timed_out
//       └──(max_concurrent active)──▶ refused
//
// Invariants:
//   (44) initiated = succeeded + failed + cancelled + timed_out + active; active <= max_concurrent;
//        an entry ends once. Its key is never given again: the index is, with a later generation,
//        so that what comes late for its former holder is told apart (and counted).
// Not thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "ordeal/pool/recovery_plan.hpp"
#include "pool/core/time.hpp"

namespace ordeal::pool::core {

class RecoveryLedger {
 public:
  struct Key {
    std::uint32_t index = 0;
    std::uint32_t generation = 0;  // from 1
    friend bool operator==(Key, Key) = default;
  };

  // REQUIRES: max_concurrent >= 1.
  explicit RecoveryLedger(std::uint32_t max_concurrent);

  // Nothing if as many are active as may be.
  [[nodiscard]] std::optional<Key> begin(Instant now);
  [[nodiscard]] bool is_active(Key key) const;
  // How long it took; nothing, and counted as stale, if it has ended before.
  [[nodiscard]] std::optional<Duration> end(Key key, RecoveryOutcome outcome, Instant now);
  // Something has come for it: false, and counted as stale, if it has ended before.
  [[nodiscard]] bool admit(Key key);
  [[nodiscard]] const RecoveryStatistics& statistics() const { return statistics_; }

 private:
  struct Entry {
    std::uint32_t generation = 0;
    bool active = false;
    Instant begun{};
  };
  const std::uint32_t max_concurrent_;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> free_;
  RecoveryStatistics statistics_;
};

}  // namespace ordeal::pool::core
