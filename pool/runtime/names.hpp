// Why the pool killed a worker, as its death certificate says it. (One word for each enumerator is
// in core/names.hpp.)
#pragma once

#include <string_view>

#include "pool/core/action.hpp"

namespace ordeal::pool::core {

[[nodiscard]] std::string_view sentence_of(KillReason reason);

}  // namespace ordeal::pool::core
