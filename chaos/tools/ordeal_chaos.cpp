// ordeal-chaos: faults that prove themselves, experiments as files, verdicts.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "chaos/faults/registry.hpp"
#include "chaos/tools/commands.hpp"
#include "chaos/tools/hunt_commands.hpp"
#include "pool/process/data_file.hpp"

namespace {

using namespace ordeal::chaos;

constexpr std::string_view exit_codes = "Exit code: 0 pass, 1 fail, 2 unknown, 3 could not run.";

void add_run_options(CLI::App* command, CommandOptions& options) {
  command->add_option("--seed", options.seed, "instead of the file's");
  command->add_option("--journal", options.journal,
                      "JSON lines as it happens; several files: their names are put in front");
  command->add_option("--report", options.report, "one self-contained HTML page (needs --journal)");
  command->add_option("--state", options.state_folder, "where undo records are kept")
      ->capture_default_str();
  command->add_option("--bridge", options.bridge, "what {mock_bridge} stands for")
      ->capture_default_str();
  command->add_flag("--quiet", options.quiet, "no progress line");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Chaos experiments against the reference pool.\n" + std::string{exit_codes}};
  app.require_subcommand(1);
  CommandOptions options;
  options.bridge =
      ordeal::pool::process::data_file("python_mock/mock_bridge.py", ORDEAL_MOCK_BRIDGE);
  options.relay_program = ordeal::pool::process::program_beside("ordeal-relay");
  options.state_folder = default_state_folder();
  const Registry registry = all_faults();
  int exit_code = exit_pass;

  CLI::App* list = app.add_subcommand("list", "all faults, and which of them this machine permits");
  list->add_flag("--permitted", options.permitted_only, "only the names of those that are");
  list->callback([&] { exit_code = list_faults(registry, options); });

  CLI::App* explain = app.add_subcommand("explain", "all about one fault");
  explain->add_option("FAULT", options.fault)->required();
  explain->callback([&] { exit_code = explain_fault(registry, options); });

  CLI::App* check = app.add_subcommand("check", "read experiments, say what they would do");
  check->add_option("FILE", options.files, "experiments, TOML")->required();
  check->add_option("--seed", options.seed, "instead of the file's");
  check->add_option("--bridge", options.bridge, "what {mock_bridge} stands for");
  check->callback([&] { exit_code = check_files(registry, options); });

  CLI::App* run = app.add_subcommand("run", "run experiments and judge them");
  run->add_option("FILE", options.files, "experiments, TOML")->required();
  add_run_options(run, options);
  run->add_option("--world", options.world, "real processes, or the pool's core in virtual time")
      ->check(CLI::IsMember({"processes", "simulated"}))
      ->capture_default_str();
  run->add_option("--trace", options.trace,
                  "simulated: the core's events and actions, for ordeal-sim replay");
  run->callback([&] { exit_code = run_files(registry, options); });

  CLI::App* replay = app.add_subcommand("replay", "do once more what a journal says was done");
  replay->add_option("JOURNAL", options.files)->required()->expected(1);
  add_run_options(replay, options);
  replay->callback([&] { exit_code = replay_journal(registry, options); });

  CLI::App* report = app.add_subcommand("report", "a journal as one self-contained HTML page");
  report->add_option("JOURNAL", options.files)->required()->expected(1);
  report->add_option("PAGE", options.report)->required();
  report->callback([&] { exit_code = report_journal(options); });

  CLI::App* undo = app.add_subcommand("undo", "undo what runs that were killed have left");
  undo->add_option("--state", options.state_folder, "where undo records are kept")
      ->capture_default_str();
  undo->callback([&] { exit_code = undo_all_leftovers(registry, options); });

  add_hunt(app, registry, options, exit_code);
  add_soak(app, options, exit_code);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_pass : exit_could_not_run;
  }
  return exit_code;
}
