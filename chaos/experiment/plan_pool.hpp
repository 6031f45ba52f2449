// The table [pool] of an experiment: the pool's own options, with marks such as {relay}.
#pragma once

#include <toml++/toml.h>
#include <string_view>

#include "chaos/experiment/plan.hpp"

namespace ordeal::chaos {

// The pool reads its own options; the line of what it refuses is found here.
[[nodiscard]] pool::Result<pool::Options> read_pool_table(const toml::table& root,
                                                          std::string_view file);
// From the marks: what the pool is to have around it.
void note_surroundings(Plan& plan, std::string_view mock_bridge);

}  // namespace ordeal::chaos
