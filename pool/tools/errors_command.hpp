// `ordeal-pool errors`: the table of all errors, as Markdown, from the one table in core/error.cpp.
#pragma once

#include <string>

namespace ordeal::pool::tools {

// A row for each code: name, category, severity, whether it may have happened, whether trying again
// may help, meaning.
[[nodiscard]] std::string describe_errors();

}  // namespace ordeal::pool::tools
