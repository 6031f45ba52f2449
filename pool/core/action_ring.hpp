// The core's outbox: a FIFO of actions that only ever grows, so that a warm pool allocates nothing.
// Not thread-safe; a value.
#pragma once

#include <cstdint>
#include <vector>

#include "pool/core/action.hpp"

namespace ordeal::pool::core {

class ActionRing {
 public:
  ActionRing() : ring_(64) {}

  template <typename A>
  void push(const A& action) {
    if (count_ > mask_) grow();
    ring_[(head_ + count_) & mask_].emplace<A>(action);
    ++count_;
  }

  // To be filled in where it is: what was written elsewhere a moment ago, member by member, is slow
  // to copy (the copy's long loads wait for the members' stores). Valid until the next push.
  template <typename A>
  [[nodiscard]] A& push() {
    if (count_ > mask_) grow();
    return ring_[(head_ + count_++) & mask_].template emplace<A>();
  }

  // Null: there is none. Stays what it is until the next push.
  [[nodiscard]] const Action* pop() {
    if (count_ == 0) return nullptr;
    const Action* const oldest = &ring_[head_];
    // From the start again where it can be: few of its lines stay in the processor's caches.
    head_ = --count_ == 0 ? 0 : (head_ + 1) & mask_;
    return oldest;
  }

  [[nodiscard]] bool empty() const { return count_ == 0; }

 private:
  void grow() {
    std::vector<Action> larger(ring_.size() * 2);  // stays a power of two, for the mask
    for (std::size_t i = 0; i < count_; ++i) larger[i] = ring_[(head_ + i) & mask_];
    ring_ = std::move(larger);
    head_ = 0;
    mask_ = ring_.size() - 1;
  }

  std::vector<Action> ring_;
  std::size_t mask_ = ring_.size() - 1;  // dividing by an action's size takes longer than a push
  std::size_t head_ = 0;
  std::size_t count_ = 0;
};

}  // namespace ordeal::pool::core
