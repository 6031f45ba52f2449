// What the tools of this room print alike.
#pragma once

#include <vector>

#include "chaos/experiment/verdicts.hpp"

namespace ordeal::chaos {

// One line a check, "ok", "FAIL" or "open" (unknown) before it; evidence below.
void print_checks(const std::vector<Check>& checks);

}  // namespace ordeal::chaos
