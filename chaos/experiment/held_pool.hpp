// The pool of a run, held so that a stop that does not return is a finding and not our end.
#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include "ordeal/pool/pool.hpp"
#include "pool/runtime/clock.hpp"

namespace ordeal::chaos {

// What a run, the pool's threads and its stop share; outlives them all.
struct HeldPool {
  std::optional<pool::Pool> pool;
  pool::runtime::WakeWord wake;
  std::atomic<bool> stopped{false};
};

// Stops and destroys the pool, on a thread of its own. False: it did not return in a time far
// beyond all graces of a stop; the thread is left behind, and the process must end by
// end_process().
[[nodiscard]] bool stop_pool(const std::shared_ptr<HeldPool>& held);

}  // namespace ordeal::chaos
