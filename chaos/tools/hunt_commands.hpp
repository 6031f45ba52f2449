// Subcommands that bring their own options: each adds itself to the program.
#pragma once

#include <CLI/CLI.hpp>

#include "chaos/tools/commands.hpp"

namespace ordeal::chaos {

// `options` and `exit_code` must outlive the parse.
void add_soak(CLI::App& app, CommandOptions& options, int& exit_code);
void add_hunt(CLI::App& app, const Registry& registry, CommandOptions& options, int& exit_code);

}  // namespace ordeal::chaos
