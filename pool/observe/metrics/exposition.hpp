// Status and counted events as Prometheus' text. Pure.
#pragma once

#include <string>
#include <string_view>

#include "ordeal/pool/status.hpp"
#include "pool/observe/metrics/event_metrics.hpp"

namespace ordeal::pool::observe {

[[nodiscard]] std::string exposition(std::string_view pool_name, const Status& status,
                                     const EventMetrics& events);

}  // namespace ordeal::pool::observe
