// ordeal-chaos: runs experiments.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "chaos/experiment/experiment.hpp"
#include "chaos/experiment/summary.hpp"
#include "chaos/tools/print.hpp"

namespace {

using namespace ordeal;
using namespace ordeal::chaos;
using trial::Verdict;

enum ExitCode {
  exit_pass = 0,
  exit_fail = 1,
  exit_usage = 2,
  exit_unknown = 3  // or the pool did not start
};

struct RunOptions {
  std::string file;
  std::string journal;
  std::string summary;
  std::string bridge = ORDEAL_MOCK_BRIDGE;
  std::optional<std::uint64_t> seed;
  bool dry_run = false;
};

int complain(ExitCode code, std::string_view message) {
  fmt::print(stderr, "ordeal-chaos: {}\n", message);
  return code;
}

int exit_code_of(Verdict::Kind kind) {
  switch (kind) {
    case Verdict::Kind::pass:
      return exit_pass;
    case Verdict::Kind::fail:
      return exit_fail;
    case Verdict::Kind::unknown:
      return exit_unknown;
  }
  return exit_unknown;
}

void print_plan(const AttackPlan& plan) {
  fmt::print(
      "{} (seed {})\n{} callers on {} workers for {} ms; {}, to {}, the last "
      "{} ms in peace\n",
      plan.title, plan.seed, plan.load.callers, plan.pool.size, plan.duration.count(),
      plan.kill.describe(), plan.schedule.describe(), plan.quiet.count());
}

int run(const RunOptions& options) {
  std::ifstream stream{options.file};
  if (!stream) return complain(exit_usage, fmt::format("{}: cannot read", options.file));
  std::ostringstream text;
  text << stream.rdbuf();
  auto experiment = experiment_from_toml(text.str(), options.file, options.bridge);
  if (!experiment) return complain(exit_usage, experiment.error().message);
  AttackPlan& plan = experiment->plan;
  if (options.seed) plan.seed = *options.seed;
  print_plan(plan);
  if (options.dry_run) return exit_pass;

  Journal journal;
  if (!options.journal.empty()) {
    auto opened = Journal::open(options.journal);
    if (!opened) return complain(exit_usage, opened.error().message);
    journal = std::move(*opened);
  }
  auto result = attack(plan, journal);
  if (!result) {
    journal.note("verdict", {{"verdict", "unknown"}, {"reason", result.error().message}});
    return complain(exit_unknown, "the pool did not start: " + result.error().message);
  }
  const std::vector<Check> checks = judge(plan, *result, experiment->bars);
  const Verdict verdict = overall(checks);
  print_checks(checks);
  fmt::print("{}  (repeat: ordeal-chaos run {} --seed {})\n", to_string(verdict.kind()),
             options.file, plan.seed);
  journal.note("verdict", {{"verdict", to_string(verdict.kind())}, {"why", verdict.evidence()}});
  int exit_code = exit_code_of(verdict.kind());
  if (!options.summary.empty()) {
    auto written = write_summary(options.summary, plan, *result, checks);
    if (!written) exit_code = complain(exit_usage, written.error().message);
  }
  if (result->threads_left_behind()) end_process(exit_code);
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "Runs chaos experiments against the reference pool.\n"
      "Exit code: 0 pass, 1 fail, 2 wrong use or a wrong file, 3 unknown."};
  app.require_subcommand(1);
  RunOptions options;
  CLI::App* run_command = app.add_subcommand("run", "run one experiment and judge it");
  run_command->add_option("FILE", options.file, "the experiment, TOML")->required();
  run_command->add_option("--seed", options.seed, "instead of the file's");
  run_command->add_option("--journal", options.journal, "JSON lines as it happens");
  run_command->add_option("--json", options.summary, "the summary (chaos/README.md)");
  run_command->add_option("--bridge", options.bridge, "what {mock_bridge} stands for")
      ->capture_default_str();
  run_command->add_flag("--dry-run", options.dry_run, "check the file, say what would be done");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_pass : exit_usage;
  }
  return run(options);
}
