// A quick look at short texts: whether they are plainly a JSON object. Internal to pool/wire.
//
// It knows only what most arguments are made of: ASCII, no escapes, whole numbers, a space here and
// there, a few levels. "Yes" is sure; "no" means only that somebody must look closer (json_scan).
// For arguments of 100 bytes it costs a fifth of the close look, on the way of each call.
// Thread-safe.
#pragma once

#include <string_view>

namespace ordeal::pool::wire {

[[nodiscard]] bool is_plainly_an_object(std::string_view text);

}  // namespace ordeal::pool::wire
