#include "pool/core/recovery_ledger.hpp"

#include "pool/core/assert.hpp"

namespace ordeal::pool::core {

RecoveryLedger::RecoveryLedger(std::uint32_t max_concurrent) : max_concurrent_(max_concurrent) {
  ORDEAL_ASSERT(max_concurrent >= 1, "a recovery has room for one at least");
}

std::optional<RecoveryLedger::Key> RecoveryLedger::begin(Instant now) {
  if (statistics_.active == max_concurrent_) {
    ++statistics_.refused;
    return std::nullopt;
  }
  std::uint32_t index = static_cast<std::uint32_t>(entries_.size());
  if (free_.empty()) {
    entries_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  Entry& entry = entries_[index];
  ++entry.generation;
  entry.active = true;
  entry.begun = now;
  ++statistics_.initiated;
  ++statistics_.active;
  return Key{index, entry.generation};
}

bool RecoveryLedger::is_active(Key key) const {
  return key.index < entries_.size() && entries_[key.index].active &&
         entries_[key.index].generation == key.generation;
}

bool RecoveryLedger::admit(Key key) {
  if (is_active(key)) return true;
  ++statistics_.stale;
  return false;
}

std::optional<Duration> RecoveryLedger::end(Key key, RecoveryOutcome outcome, Instant now) {
  if (!admit(key)) return std::nullopt;
  Entry& entry = entries_[key.index];
  entry.active = false;
  // One whose generations are used up is not used again.
  if (entry.generation != UINT32_MAX) free_.push_back(key.index);
  --statistics_.active;
  switch (outcome) {
    case RecoveryOutcome::succeeded:
      ++statistics_.succeeded;
      break;
    case RecoveryOutcome::failed:
      ++statistics_.failed;
      break;
    case RecoveryOutcome::cancelled:
      ++statistics_.cancelled;
      break;
    case RecoveryOutcome::timed_out:
      ++statistics_.timed_out;
      break;
  }
  const Duration took = now - entry.begun;
  statistics_.total_time += took;
  return took;
}

}  // namespace ordeal::pool::core
