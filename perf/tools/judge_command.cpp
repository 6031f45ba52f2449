// ordeal-perf judge: what the rule says of recorded pairs, own or foreign.
#include <fmt/format.h>

#include <iterator>
#include <memory>

#include "perf/measurement/json_reader.hpp"
#include "perf/tools/commands.hpp"
#include "perf/tools/rules_options.hpp"

namespace ordeal::perf {
namespace {

struct JudgeOptions {
  JudgingOptions judging;
  std::vector<std::string> files;
};

int judge_files(const JudgeOptions& options) {
  PairsFile all;
  for (const auto& path : options.files) {
    const auto value = read_json_file(path);
    if (!value) return report_error(value.error());
    auto file = pairs_from_json(*value, path);
    if (!file) return report_error(file.error());
    std::move(file->cases.begin(), file->cases.end(), std::back_inserter(all.cases));
  }
  return tell(judge_by(options.judging, all), options.judging);
}

}  // namespace

void add_judge(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand(
      "judge",
      "judge recorded pairs, own or foreign (format: perf/stats/pairs.hpp); several files\n"
      "are one family");
  const auto options = std::make_shared<JudgeOptions>();
  command->add_option("FILE", options->files, "pairs, JSON")->required();
  add_judging_options(command, options->judging);
  command->callback([options, &exit_code] { exit_code = judge_files(*options); });
}

}  // namespace ordeal::perf
