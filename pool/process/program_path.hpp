// Which file a command name means. In the host, before the clone.
#pragma once

#include <string>
#include <string_view>

#include "ordeal/pool/error.hpp"

namespace ordeal::pool::process {

// `name` with a '/': itself, made absolute if `make_absolute`. Else the first executable regular
// file of that name along `path` (the value of PATH; empty elements mean the current directory).
// Outcomes: a path; or the errno, ENOENT, or EACCES if all that was found is not executable.
[[nodiscard]] tl::expected<std::string, int> find_program(std::string_view name,
                                                          std::string_view path,
                                                          bool make_absolute);

}  // namespace ordeal::pool::process
