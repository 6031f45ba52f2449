// Whether the calls of a session go to one worker, and what became of that.
#pragma once

#include <cstdint>

namespace ordeal::pool {

// A session is bound to the worker that serves it first. The binding ends with that worker, when
// the session is not used for `affinity_timeout`, and when there are `affinity_bindings_max` newer
// ones.
enum class AffinityPolicy : std::uint8_t {
  none,    // any worker; neither makes a binding nor heeds one
  prefer,  // waits up to `affinity_wait` for the bound worker, then goes to any and is bound to it
  strict,  // the bound worker while it lives, however long that takes
};

// How a request of a session met its binding.
enum class AffinityOutcome : std::uint8_t {
  none,     // no session, or policy none
  bound,    // there was no binding: it was bound to this worker
  hit,      // served by the worker that it was bound to
  rebound,  // bound to this worker anew: its former one is gone, or was busy for too long
};

}  // namespace ordeal::pool
