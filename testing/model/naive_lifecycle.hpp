// The lifecycle of a worker by its drawing in behaviour spec, section 5, as amended: said again,
// edge by edge.
#pragma once

#include "pool/core/lifecycle.hpp"

namespace ordeal::trial {

[[nodiscard]] bool may_become(pool::core::WorkerState from, pool::core::WorkerState to);

}  // namespace ordeal::trial
