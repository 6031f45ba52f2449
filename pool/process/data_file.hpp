// Files that a tool brings along: experiments, suites, the mock bridge.
#pragma once

#include <string>
#include <string_view>

namespace ordeal::pool::process {

// The file `name` in share/ordeal/ of the installation that this program belongs to; where there is
// none (the program runs from a build tree), `in_checkout`.
[[nodiscard]] std::string data_file(std::string_view name, std::string_view in_checkout);

}  // namespace ordeal::pool::process
