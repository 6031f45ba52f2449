// What `ordeal-pool top` shows: one frame made from a run's report and the one before it. Pure.
//
// A frame has at most `rows` lines of at most `columns` columns, and overwrites the frame before it
// in place: nothing is cleared first, so nothing flickers.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "ordeal/pool/error.hpp"

namespace ordeal::pool::tools {

struct TerminalSize {
  std::size_t columns = 80;
  std::size_t rows = 24;
};

// `before`: empty: there is none yet. Errors: invalid_arguments, if it is not the answer of a run.
[[nodiscard]] Result<std::string> top_frame(std::string_view report, std::string_view before,
                                            std::chrono::nanoseconds between, TerminalSize size);

}  // namespace ordeal::pool::tools
