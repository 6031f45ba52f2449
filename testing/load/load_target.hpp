// The pool as the load sees it: one blocking call. PoolTarget is ours; another pool needs a class
// like it. sabotage.hpp wraps a target to play a pool with a defect.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "testing/load/history.hpp"

namespace ordeal::pool {
class Pool;
}

namespace ordeal::trial {

struct Answer {
  Outcome outcome = Outcome::pending;  // ok, failed or indeterminate
  std::string reply_text;
  std::string code;
  std::string message;
  std::uint64_t worker = 0;
  std::uint32_t attempts = 0;
  std::optional<DeathSeen> death;
  bool gave_up = false;  // its caller did, before it had an answer
};

// Thread safety: call() comes from many threads at once.
class LoadTarget {
 public:
  virtual ~LoadTarget() = default;
  // Blocks until the outcome is known; ought to be back by `deadline`, never retries by itself.
  virtual Answer call(std::string_view command, std::string_view arguments, TimePoint deadline) = 0;
};

// REQUIRES: the pool outlives the last call.
[[nodiscard]] std::shared_ptr<LoadTarget> make_pool_target(pool::Pool& pool);

}  // namespace ordeal::trial
