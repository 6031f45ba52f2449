#include "pool/core/lifecycle.hpp"

#include "pool/core/assert.hpp"
#include "pool/core/names.hpp"

namespace ordeal::pool::core {
namespace {

constexpr std::uint8_t bit(WorkerState state) {
  return static_cast<std::uint8_t>(1U << static_cast<unsigned>(state));
}

using S = WorkerState;
// One row for each state, in the enum's order: where its arrows in the drawing lead.
constexpr std::array<std::uint8_t, worker_state_count> targets{
    /* initializing */ bit(S::ready) | bit(S::terminating) | bit(S::terminated),
    /* ready        */ bit(S::busy) | bit(S::degraded) | bit(S::terminating) | bit(S::terminated),
    /* busy         */ bit(S::ready) | bit(S::degraded) | bit(S::terminating) | bit(S::terminated),
    /* degraded     */ bit(S::ready) | bit(S::terminating) | bit(S::terminated),
    /* terminating  */ bit(S::terminated),
    /* terminated   */ 0,
};

}  // namespace

std::string_view to_string(WorkerState state) { return name_of(state); }

std::string_view to_string(Health health) {
  switch (health) {
    case Health::unknown:
      return "unknown";
    case Health::healthy:
      return "healthy";
    case Health::unhealthy:
      return "unhealthy";
  }
  return "?";
}

std::string_view to_string(TransitionReason reason) { return name_of(reason); }

bool is_allowed(WorkerState from, WorkerState to) {
  return (targets[static_cast<std::size_t>(from)] & bit(to)) != 0;
}

Lifecycle::Lifecycle(Instant now, std::size_t history_max)
    : since_(now), history_max_(history_max) {
  ORDEAL_ASSERT(history_max > 0, "a lifecycle keeps at least one history entry");
  ring_.reserve(history_max);
}

bool Lifecycle::transition(Instant now, WorkerState to, TransitionReason reason) {
  if (!is_allowed(state_, to) || now < since_) return false;
  // (22): nobody comes back from degraded by accident.
  if (state_ == S::degraded && to == S::ready && health_ != Health::healthy) return false;
  const Entry entry{state_, to, reason, now, now - since_};
  if (ring_.size() < history_max_) {
    ring_.push_back(entry);
  } else {
    ring_[oldest_] = entry;
    oldest_ = oldest_ + 1 == history_max_ ? 0 : oldest_ + 1;
  }
  ++total_;
  state_ = to;
  since_ = now;
  return true;
}

bool Lifecycle::can_accept_work() const { return state_ == S::ready && health_ == Health::healthy; }

bool Lifecycle::should_remove() const {
  return state_ == S::terminating || state_ == S::terminated;
}

std::vector<Lifecycle::Entry> Lifecycle::history() const {
  std::vector<Entry> entries;
  entries.reserve(ring_.size());
  for (std::size_t i = 0; i < ring_.size(); ++i) {
    entries.push_back(ring_[(oldest_ + i) % ring_.size()]);
  }
  return entries;
}

}  // namespace ordeal::pool::core
