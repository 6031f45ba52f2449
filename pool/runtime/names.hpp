// Names of the core's enums as observers read them.
#pragma once

#include <string_view>

#include "pool/core/action.hpp"

namespace ordeal::pool::core {

[[nodiscard]] std::string_view to_string(Occurrence what);
[[nodiscard]] std::string_view to_string(KillReason reason);

}  // namespace ordeal::pool::core
