// The subcommands of ordeal-chaos. Each returns the exit code.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "chaos/experiment/plan.hpp"
#include "chaos/faults/undo_log.hpp"
#include "testing/checkers/verdict.hpp"

namespace ordeal::chaos {

enum ExitCode {
  exit_pass = 0,
  exit_fail = 1,
  exit_unknown = 2,
  exit_could_not_run = 3  // wrong use, a wrong file, a pool that does not start
};

struct CommandOptions {
  std::vector<std::string> files;
  std::string fault;
  std::string journal;
  std::string report;
  std::string bridge;
  std::string relay_program;
  std::string state_folder;
  std::string world = "processes";  // or "simulated"
  std::string trace;                // of a simulated run: the core's events and actions
  std::optional<std::uint64_t> seed;
  bool permitted_only = false;
  bool quiet = false;
};

[[nodiscard]] int list_faults(const Registry& registry, const CommandOptions& options);
[[nodiscard]] int explain_fault(const Registry& registry, const CommandOptions& options);
[[nodiscard]] int check_files(const Registry& registry, const CommandOptions& options);
[[nodiscard]] int run_files(const Registry& registry, const CommandOptions& options);
[[nodiscard]] int replay_journal(const Registry& registry, const CommandOptions& options);
struct SimulatedFiles {
  std::string experiment, journal, report, trace;
  std::string repeat;  // the command that does it again
};
[[nodiscard]] int run_simulated(const Plan& plan, const SimulatedFiles& files);
[[nodiscard]] int exit_code_of(trial::Verdict::Kind kind);
[[nodiscard]] int report_journal(const CommandOptions& options);
[[nodiscard]] int undo_all_leftovers(const Registry& registry, const CommandOptions& options);

}  // namespace ordeal::chaos
