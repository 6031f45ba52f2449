// The wall clock, for the eyes of workers only: no decision depends on it.
#pragma once

#include <string_view>

namespace ordeal::pool::runtime {

// Now, as "2026-11-23T17:20:05.123Z". The view is good until this thread's next call.
[[nodiscard]] std::string_view wall_timestamp();

}  // namespace ordeal::pool::runtime
