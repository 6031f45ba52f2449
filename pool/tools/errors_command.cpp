#include "pool/tools/errors_command.hpp"

#include <fmt/format.h>

#include "ordeal/pool/error.hpp"
#include "ordeal/pool/strategy.hpp"

namespace ordeal::pool::tools {

std::string describe_errors() {
  std::string table =
      "| Code | Category | Severity | Certainty | Retryable | Strategy | Meaning |\n"
      "|---|---|---|---|---|---|---|\n";
  for (std::uint8_t i = 1; i < error_code_count; ++i) {
    const auto code = static_cast<ErrorCode>(i);
    const ErrorTraits& row = traits(code);
    const Strategy strategy = strategy_for(make_error(code, ""), {.idempotent = true});
    table += fmt::format("| `{}` | {} | {} | {} | {} | {} | {} |\n", row.name,
                         to_string(row.category), to_string(row.severity), to_string(row.certainty),
                         row.retryable ? "yes" : "no", to_string(strategy), row.meaning);
  }
  return table;
}

}  // namespace ordeal::pool::tools
