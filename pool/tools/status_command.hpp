// `ordeal-pool status`: asks a running `run`, and shows what it says.
#pragma once

#include <string>

#include "pool/tools/exit_code.hpp"

namespace ordeal::pool::tools {

struct StatusArguments {
  std::string socket;  // empty: whatever of this user's is running
  bool json = false;
};

// One run: its table, or its JSON. Several: one line for each. None: exit code not_started.
[[nodiscard]] ExitCode status_command(const StatusArguments& arguments);

}  // namespace ordeal::pool::tools
