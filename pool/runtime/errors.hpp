// Sentences for what the core decided: the message of each error a request can end with.
#pragma once

#include "ordeal/pool/call.hpp"
#include "ordeal/pool/error.hpp"

namespace ordeal::pool::runtime {

// Adds what the caller called it.
[[nodiscard]] Error annotate(Error error, const CallOptions& options);

}  // namespace ordeal::pool::runtime
