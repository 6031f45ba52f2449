// The part of the options that the core decides by.
#pragma once

#include "ordeal/pool/options.hpp"
#include "pool/core/core.hpp"

namespace ordeal::pool {

// REQUIRES: validate(options) is happy.
[[nodiscard]] core::CoreOptions to_core_options(const Options& options);

}  // namespace ordeal::pool
