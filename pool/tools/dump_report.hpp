// A diagnosis as JSON, and that JSON as text for people. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "ordeal/pool/diagnosis.hpp"

namespace ordeal::pool::tools {

[[nodiscard]] nlohmann::json dump_json(const Diagnosis& diagnosis,
                                       const std::vector<std::string>& events);
// Errors: invalid_arguments, if it is not the answer of a run.
[[nodiscard]] Result<std::string> dump_text(std::string_view json);

}  // namespace ordeal::pool::tools
