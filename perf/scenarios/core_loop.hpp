// Operations of the core and nothing else: what callgrind looks at.
#pragma once

#include <cstdint>
#include <string>

namespace ordeal::perf {

void run_core_loop(const std::string& operation, std::uint64_t count);

}  // namespace ordeal::perf
