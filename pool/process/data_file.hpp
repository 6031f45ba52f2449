// Files that a tool brings along: itself, programs beside it, experiments, suites, the mock bridge.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace ordeal::pool::process {

// The file `name` in share/ordeal/ of the installation that this program belongs to; where there is
// none (the program runs from a build tree), `in_checkout`.
[[nodiscard]] std::string data_file(std::string_view name, std::string_view in_checkout);

// This program's own file, and the program `name` in its folder. Relative if /proc is not there.
[[nodiscard]] std::filesystem::path own_program();
[[nodiscard]] std::string program_beside(std::string_view name);

}  // namespace ordeal::pool::process
