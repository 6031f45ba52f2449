// The subcommands of ordeal-perf. Each add_...() registers one, whose callback sets the exit code.
// To add one: a file <name>_command.cpp here with its add_<name>(), and a line in
// ordeal_perf_main.cpp.
#pragma once

#include <CLI/CLI.hpp>

#include "perf/measurement/error.hpp"
#include "perf/suites/suite.hpp"

namespace ordeal::perf {

enum ExitCode {
  exit_ok = 0,
  exit_regression = 1,
  exit_usage = 2,         // wrong use, or a wrong file
  exit_inconclusive = 3,  // only with --strict
  exit_unstable = 4,      // the machine was not fit to measure
  exit_no_baseline = 5,   // none, or one of another host
  exit_could_not_run = 6  // a sampler that crashed or hung, a build that failed
};

void add_calibrate(CLI::App& app, int& exit_code);
void add_compare(CLI::App& app, int& exit_code);
void add_history(CLI::App& app, int& exit_code);
void add_judge(CLI::App& app, int& exit_code);
void add_record(CLI::App& app, int& exit_code);
void add_sample(CLI::App& app, int& exit_code);
void add_cases(CLI::App& app, int& exit_code);
void add_run(CLI::App& app, int& exit_code);
void add_report(CLI::App& app, int& exit_code);
void add_core_loop(CLI::App& app, int& exit_code);

// Those built in, if the folder is empty.
[[nodiscard]] Attempt<std::vector<Suite>> load_suites(const std::string& folder);

// Says it on stderr; the exit code that goes with it.
int report_error(const Error& error);

}  // namespace ordeal::perf
