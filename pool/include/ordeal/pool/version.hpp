// Which release of the library a program runs with, which may be a later patch than it was built
// with.
#pragma once

#include <string_view>

namespace ordeal::pool {

// "MAJOR.MINOR.PATCH". Programs built with one patch release run with any other of the same minor.
[[nodiscard]] std::string_view version() noexcept;

}  // namespace ordeal::pool
