// Work that no change of ours touches, timed just before and after a case: was the machine fit to
// measure? Results are never divided by it.
#pragma once

#include <string_view>
#include <vector>

#include "perf/measurement/measurement.hpp"

namespace ordeal::perf {

// About 15 ms: "spin_WHEN" (a processor at work), "memcpy_WHEN" (memory), "ping_pong_WHEN" (two
// threads waking one another by a futex; µs a turn), the others in ms.
void add_control_blocks(std::vector<ControlBlock>& blocks, std::string_view when);

}  // namespace ordeal::perf
