// `ordeal-pool run`: opens what was named, and lets the loop run.
#pragma once

#include "pool/tools/exit_code.hpp"
#include "pool/tools/run_options.hpp"

namespace ordeal::pool::tools {

[[nodiscard]] ExitCode run_command(const RunArguments& arguments);

}  // namespace ordeal::pool::tools
