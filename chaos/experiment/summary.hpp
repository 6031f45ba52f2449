// The summary of a run as JSON: see chaos/README.md for its members.
#pragma once

#include <string>
#include <vector>

#include "chaos/experiment/verdicts.hpp"

namespace ordeal::chaos {

// Writes the file and the folders above it. Errors: invalid_option.
[[nodiscard]] pool::Result<void> write_summary(const std::string& file, const AttackPlan& plan,
                                               const AttackResult& result,
                                               const std::vector<Check>& checks);

}  // namespace ordeal::chaos
