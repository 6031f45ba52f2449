// Options that the judging subcommands share.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "perf/stats/verdict.hpp"

namespace ordeal::perf {

struct JudgingOptions {
  std::string rule = "ordeal";  // or "dspex"
  Rules rules;
  bool strict = false;    // inconclusive, suspect and too blind are no pass
  std::string json_file;  // where to write the verdicts; "-": stdout instead of the table
  bool show_all = false;
};

void add_judging_options(CLI::App* command, JudgingOptions& options);

// By the rule that the options name.
[[nodiscard]] std::vector<Verdict> judge_by(const JudgingOptions& options, const PairsFile& file);

// One line a metric, worst first; what is equivalent only with `all`.
[[nodiscard]] std::string verdict_table(const std::vector<Verdict>& verdicts, bool all);
[[nodiscard]] nlohmann::json verdicts_to_json(const std::vector<Verdict>& verdicts);

// 1 if a gated metric regressed; else 4 if a gated one is unstable; else, if strict, 3 if a gated
// one is inconclusive or suspect; else 0.
[[nodiscard]] int exit_code_of(const std::vector<Verdict>& verdicts, bool strict);

// Prints the table or writes the JSON; the exit code.
[[nodiscard]] int tell(const std::vector<Verdict>& verdicts, const JudgingOptions& options);

}  // namespace ordeal::perf
