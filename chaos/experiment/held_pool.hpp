// The pool of a run, held so that a stop that does not return is a finding and not our end.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "ordeal/pool/pool.hpp"
#include "pool/runtime/clock.hpp"

namespace ordeal::chaos {

// What a run, the pool's threads and its stop share; outlives them all.
struct HeldPool {
  std::optional<pool::Pool> pool;
  pool::runtime::WakeWord wake;
  std::atomic<bool> stopped{false};
};

// Tells the pool to stop, at that instant, and goes on: stop_pool() waits for it. REQUIRES: nobody
// is asked for a stop by stop_pool() before.
[[nodiscard]] std::thread order_stop(const std::shared_ptr<HeldPool>& held,
                                     std::chrono::steady_clock::time_point at,
                                     std::chrono::milliseconds grace);

// Stops and destroys the pool, on a thread of its own, when `ordered` have returned. False: that
// did not come in a time far beyond all graces of a stop; the threads are left behind, and the
// process must end by end_process().
[[nodiscard]] bool stop_pool(const std::shared_ptr<HeldPool>& held,
                             std::vector<std::thread> ordered = {});

}  // namespace ordeal::chaos
