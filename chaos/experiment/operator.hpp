// An operator beside the load: resizes, pauses, drains, replaces workers and rolls, as the plan
// draws it, and does not wait until it is done. The same that the simulated load does
// (testing/sim/simulation.cpp, operate()).
//
// Invariants: what is closed is opened again after some milliseconds; after settle() admission is
// open and the pool has the plan's size as soon as its workers have come and gone.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "chaos/experiment/agenda.hpp"
#include "chaos/experiment/plan.hpp"
#include "ordeal/pool/pool.hpp"

namespace ordeal::chaos {

// What was ordered, and when.
struct Operated {
  TimePoint at;
  std::string what;  // "resize to 3", "roll"
};

// Thread safety: all members may be called from any thread.
class Operator {
 public:
  // REQUIRES: the pool and the agenda outlive the last call, and what the agenda has of it.
  Operator(pool::Pool& pool, const Plan& plan, Agenda& agenda)
      : pool_(pool),
        size_(plan.pool.size),
        parts_(plan.simulated.operation_parts),
        bad_programs_(plan.simulated.bad_programs),
        agenda_(agenda) {}

  // Before a call: by the plan's chance one operation, of all callers together one in a while.
  void perhaps(pool::core::Random& random);
  // Nothing more from now on.
  void settle();
  [[nodiscard]] std::vector<Operated> all() const;

 private:
  void act(pool::core::Random& random);
  void note(std::string what);

  pool::Pool& pool_;
  const std::uint32_t size_;
  const std::uint32_t parts_;
  const bool bad_programs_;
  Agenda& agenda_;
  mutable std::mutex mutex_;
  std::vector<Operated> all_;
  TimePoint next_at_{};
  std::uint64_t rolls_ = 0;
  bool settled_ = false;
};

}  // namespace ordeal::chaos
