// The wall clock, for the eyes of workers only: no decision depends on it.
#pragma once

#include <string_view>

#include "pool/runtime/clock.hpp"

namespace ordeal::pool::runtime {

// Now, as "2026-11-23T17:20:05.123Z". The view is good until this thread's next call.
[[nodiscard]] std::string_view wall_timestamp();

// The same at a recent instant, without asking for the time. The wall clock is compared with the
// monotonic one once a second: so long may it take until a correction of it is seen here.
[[nodiscard]] std::string_view wall_timestamp(Instant at);

}  // namespace ordeal::pool::runtime
