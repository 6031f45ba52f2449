// The wall clock as this process sees it, which a fault may set forward or back; the machine's own
// is left alone. What reads CLOCK_REALTIME through the C library (std::chrono::system_clock does)
// sees it; CLOCK_MONOTONIC is untouched.
#pragma once

#include <chrono>

namespace ordeal::chaos {

void set_wall_clock_offset(std::chrono::milliseconds offset);
[[nodiscard]] std::chrono::milliseconds wall_clock_offset();
// How far std::chrono::system_clock is from the kernel's clock, as two readings say.
[[nodiscard]] std::chrono::milliseconds seen_wall_clock_offset();

}  // namespace ordeal::chaos
