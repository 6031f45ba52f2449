// The text and the level of an event's log line. Pure; internal to pool/observe.
#pragma once

#include <string>

#include <spdlog/common.h>

#include "ordeal/pool/events.hpp"

namespace ordeal::pool::observe {

[[nodiscard]] spdlog::level::level_enum log_level(const PoolEvent& event);

// "request 7 worker_died (indeterminate) on worker 2 after 12.500 ms [label]". Always one line:
// labels are escaped and bounded.
[[nodiscard]] std::string log_line(const PoolEvent& event);

}  // namespace ordeal::pool::observe
