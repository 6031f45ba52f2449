// Waits for the states of a pool that tests wait for. Each listens before it looks, looks at what
// is there (never at what was asked for), and ends by an event or at its deadline; then the story
// says what was told last and how the pool stands. event_watch.hpp has the wait for any event.
#pragma once

#include "ordeal/pool/affinity.hpp"
#include "testing/helpers/event_watch.hpp"

namespace ordeal::trial {

// As many workers as the pool is to have have finished their handshake and can take requests.
[[nodiscard]] Waited wait_ready(pool::Pool& pool, const pool::Deadline& deadline);

// Nobody waits, runs, or pauses for a retry, and no worker owes a late reply. Not that it is ready.
[[nodiscard]] Waited wait_idle(pool::Pool& pool, const pool::Deadline& deadline);

// That worker (WorkerStatus::worker) is gone, and the pool is ready without it. In vain at once if
// there has been no such worker yet.
[[nodiscard]] Waited wait_worker_restart(pool::Pool& pool, std::uint64_t worker,
                                         const pool::Deadline& deadline);

// A call of the session was served by the worker that the session was bound to. Makes calls, of
// `ping`, until that is so. In vain at once under a policy that binds nothing.
[[nodiscard]] Waited wait_affinity(pool::Pool& pool, const std::string& session,
                                   pool::AffinityPolicy policy, const pool::Deadline& deadline);

// Each worker has served a call (of `ping`): no request of the test is a worker's first. In vain if
// the workers cannot all be had at once before the deadline.
[[nodiscard]] Waited pre_warm(pool::Pool& pool, const pool::Deadline& deadline);

}  // namespace ordeal::trial
