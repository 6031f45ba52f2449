// sample, cases, core-loop: what is there to measure, and one case once.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "perf/scenarios/core_loop.hpp"
#include "perf/scenarios/run_case.hpp"
#include "perf/tools/commands.hpp"

namespace ordeal::perf {
namespace {

struct SampleArguments {
  std::string suites_folder;
  std::string suite;
  std::string name;
  double seconds = 0;
  SampleOptions options;
  bool json = false;
};

int run_sample(SampleArguments& arguments) {
  const auto suites = load_suites(arguments.suites_folder);
  if (!suites) return report_error(suites.error());
  const auto spec = find_case(*suites, arguments.suite, arguments.name);
  if (!spec) return report_error(spec.error());
  arguments.options.duration =
      std::chrono::milliseconds{static_cast<std::int64_t>(arguments.seconds * 1000)};
  const auto run = run_case(*spec, arguments.options);
  if (!run) return report_error(run.error());
  for (const std::string& note : run->findings.notes) {
    fmt::print(stderr, "ordeal-perf: {}/{}: {}\n", spec->suite, spec->name, note);
  }
  fmt::print("{}\n", to_json(run->sample).dump());
  return exit_ok;
}

int list_cases(const SampleArguments& arguments) {
  const auto suites = load_suites(arguments.suites_folder);
  if (!suites) return report_error(suites.error());
  if (!arguments.suite.empty()) {
    // Only to say which there are.
    const bool known = std::any_of(suites->begin(), suites->end(), [&](const Suite& suite) {
      return suite.name == arguments.suite;
    });
    if (!known) return report_error(find_case(*suites, arguments.suite, "").error());
  }
  std::vector<Case> cases;
  for (const Suite& suite : *suites) {
    if (!arguments.suite.empty() && suite.name != arguments.suite) continue;
    if (!arguments.json) fmt::print("{}: {}\n", suite.name, suite.about);
    for (const CaseSpec& spec : suite.cases) {
      if (!arguments.json) {
        fmt::print("  {:<30} {}{}{}\n", spec.name, to_string(spec.scenario),
                   spec.about.empty() ? "" : ": ", spec.about);
      }
      cases.push_back({.suite = spec.suite,
                       .name = spec.name,
                       .params = spec.params,
                       .metrics = metrics_of(spec)});
    }
  }
  if (arguments.json) fmt::print("{}\n", to_json(cases).dump(1));
  return exit_ok;
}

}  // namespace

Attempt<std::vector<Suite>> load_suites(const std::string& folder) {
  return folder.empty() ? built_in_suites() : suites_of_folder(folder);
}

void add_sample(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<SampleArguments>();
  CLI::App* command = app.add_subcommand(
      "sample", "Runs one case once, in this process, and prints what it measured as JSON");
  command->add_option("--suite", arguments->suite, "suite of the case")->required();
  command->add_option("--case", arguments->name, "its name (ordeal-perf cases)")->required();
  auto* seconds = command->add_option("--seconds", arguments->seconds, "at most so long")
                      ->check(CLI::PositiveNumber);
  command->add_option("--calls", arguments->options.calls, "so many calls, or rounds")
      ->check(CLI::PositiveNumber)
      ->excludes(seconds);
  command->add_option("--seed", arguments->options.seed, "of what is drawn (1)");
  command->add_option("--suites", arguments->suites_folder,
                      "folder of TOML suites, instead of those built in");
  command->callback([arguments, &exit_code] { exit_code = run_sample(*arguments); });
}

void add_cases(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<SampleArguments>();
  CLI::App* command = app.add_subcommand("cases", "Lists what can be measured");
  command->add_option("--suite", arguments->suite, "only of this suite");
  command->add_flag("--json", arguments->json, "with parameters and metrics, as JSON");
  command->add_option("--suites", arguments->suites_folder,
                      "folder of TOML suites, instead of those built in");
  command->callback([arguments, &exit_code] { exit_code = list_cases(*arguments); });
}

void add_core_loop(CLI::App& app, int& exit_code) {
  auto operation = std::make_shared<std::string>("grant");
  auto count = std::make_shared<std::uint64_t>(1000);
  CLI::App* command =
      app.add_subcommand("core-loop", "Operations of the core and nothing else, for callgrind");
  command->add_option("--operation", *operation, "grant, session, guarded")
      ->check(CLI::IsMember({"grant", "session", "guarded"}));
  command->add_option("--count", *count, "how many");
  command->callback([operation, count, &exit_code] {
    run_core_loop(*operation, *count);
    exit_code = exit_ok;
  });
}

}  // namespace ordeal::perf
