// `ordeal-pool top`: a running pool, live, until q, Ctrl-C or SIGTERM.
#pragma once

#include <chrono>
#include <string>

#include "pool/tools/exit_code.hpp"

namespace ordeal::pool::tools {

struct TopArguments {
  std::string socket;  // empty: the one running pool of this user
  std::chrono::milliseconds interval{1'000};
};

// ok: left by q or a signal; the terminal is as it was. not_started: no pool, or it has ended.
[[nodiscard]] ExitCode top_command(const TopArguments& arguments);

}  // namespace ordeal::pool::tools
