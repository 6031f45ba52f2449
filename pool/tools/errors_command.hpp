// `ordeal-pool errors`: the table of all errors, as Markdown, from core/error.cpp and
// core/strategy.cpp.
#pragma once

#include <string>

namespace ordeal::pool::tools {

// A row for each code: name, category, severity, whether it may have happened, whether trying again
// may help, what to do when an idempotent request meets it first, meaning.
[[nodiscard]] std::string describe_errors();

}  // namespace ordeal::pool::tools
