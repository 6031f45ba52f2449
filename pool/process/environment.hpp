// What a worker sees of the host's environment: nothing that was not named.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ordeal::pool::process {

// What programs need to be found, to find their libraries, and to speak the user's language; no
// credentials. A name that ends with '*' stands for all that begin so.
[[nodiscard]] std::span<const std::string_view> default_inherited_variables();

// "NAME=value" of every variable of `host` whose name is in `inherited`, then `added`; a later one
// of the same name replaces an earlier one. `host` is what ::environ points to: a null-terminated
// array, or null.
// Thread safety: reads `host`, which no other thread may be changing (setenv).
[[nodiscard]] std::vector<std::string> make_environment(const char* const* host,
                                                        std::span<const std::string_view> inherited,
                                                        std::span<const std::string> added);

// The value of `name` in such a list, the last one if there are several; null if there is none.
[[nodiscard]] const char* find_variable(std::span<const std::string> environment,
                                        std::string_view name);

}  // namespace ordeal::pool::process
