// `ordeal-pool dump`, `why`, `resize`, `drain`, `pause`, `resume`, `roll`: what operators ask of a
// running `run`, and how its answer is shown.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pool/tools/exit_code.hpp"

namespace ordeal::pool::tools {

struct OperatorArguments {
  std::string ask;
  std::string socket;  // empty: the one running pool of this user
  std::uint64_t worker = 0;
  std::uint32_t size = 0;
  std::vector<std::string> command;
  bool json = false;
};

// ok: done. requests_failed: the pool says no, or it has failed; the message says why.
[[nodiscard]] ExitCode operator_command(const OperatorArguments& arguments);

}  // namespace ordeal::pool::tools
