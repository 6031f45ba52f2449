#include "pool/tools/errors_command.hpp"

#include <fmt/format.h>

#include "ordeal/pool/error.hpp"

namespace ordeal::pool::tools {

std::string describe_errors() {
  std::string table =
      "| Code | Category | Severity | Certainty | Retryable | Meaning |\n"
      "|---|---|---|---|---|---|\n";
  for (std::uint8_t i = 1; i < error_code_count; ++i) {
    const ErrorTraits& row = traits(static_cast<ErrorCode>(i));
    table += fmt::format("| `{}` | {} | {} | {} | {} | {} |\n", row.name, to_string(row.category),
                         to_string(row.severity), to_string(row.certainty),
                         row.retryable ? "yes" : "no", row.meaning);
  }
  return table;
}

}  // namespace ordeal::pool::tools
