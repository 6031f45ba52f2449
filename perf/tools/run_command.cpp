// run: suites beside their control and peers, and what their bars say.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "perf/contest/run_document.hpp"
#include "perf/measurement/json_reader.hpp"
#include "perf/tools/commands.hpp"

namespace ordeal::perf {
namespace {

using nlohmann::json;

struct RunArguments {
  std::vector<std::string> suites;
  std::string folder;
  std::string json_file;
  std::uint32_t rounds = 0;
  std::uint64_t seed = 1;
  bool quick = false;
  bool check = false;
};

// Fewer rounds and calls: shows that it works, measures roughly.
CaseSpec made_quick(CaseSpec spec) {
  spec.calls = std::max<std::uint64_t>(spec.calls / 5, 8);
  spec.rounds = std::max<std::uint32_t>(spec.rounds / 5, 1);
  return spec;
}

std::uint32_t rounds_of(const CaseSpec& spec, const RunArguments& arguments) {
  if (arguments.rounds > 0) return arguments.rounds;
  switch (spec.scenario) {
    case Scenario::start:
      return arguments.quick ? 1 : 5;
    case Scenario::replace:
      return arguments.quick ? 2 : 10;
    default:
      return arguments.quick ? 6 : 20;
  }
}

std::string limit_of(const json& bar) {
  return bar.contains("max") ? fmt::format("<= {}", bar["max"].get<double>())
                             : fmt::format(">= {}", bar["min"].get<double>());
}

void print_standing(const json& other, const json& ordeal) {
  if (!other["why_not"].get<std::string>().empty()) {
    fmt::print("    {:<22} not run: {}\n", other["name"].get<std::string>(),
               other["why_not"].get<std::string>());
    return;
  }
  const auto name = other["name"].get<std::string>();
  const auto ratio = [&](const char* metric) {
    const json& found = other["ratios"][metric];
    return fmt::format("{:.3f} [{:.3f}, {:.3f}]", found["median"].get<double>(),
                       found["low"].get<double>(), found["high"].get<double>());
  };
  fmt::print(
      "    {:<22} mean {:>10.1f} µs, Ordeal {:>10.1f}: {}; p99 {}; throughput {}{}{}\n", name,
      other["mean_us"].get<double>(), ordeal["mean_us"].get<double>(), ratio("mean"), ratio("p99"),
      ratio("throughput"),
      other["failed"] == 0 ? "" : fmt::format("; {} failed", other["failed"].dump()),
      other["note"].get<std::string>().empty() ? "" : "; " + other["note"].get<std::string>());
}

// How many of its bars were missed and are more than advice.
int print_case(const json& document) {
  fmt::print("{}/{}\n", document["suite"].get<std::string>(), document["case"].get<std::string>());
  std::string line;
  for (const json& metric : document["metrics"]) {
    line +=
        fmt::format("{}{} {:.4g} {}", line.empty() ? "" : ", ", metric["name"].get<std::string>(),
                    metric["value"].get<double>(), metric["unit"].get<std::string>());
  }
  fmt::print("    {}\n", line);
  if (document.contains("contest")) {
    for (const json& other : document["contest"]["others"]) {
      print_standing(other, document["contest"]["ordeal"]);
    }
  }
  for (const auto& [category, times] : document["errors"].items()) {
    fmt::print("    {} calls failed: {}\n", times.dump(), category);
  }
  for (const json& note : document["notes"]) fmt::print("    note: {}\n", note.get<std::string>());
  int missed = 0;
  for (const json& bar : document["bars"]) {
    const bool met = bar["met"].get<bool>();
    if (!met && !bar["advice"].get<bool>()) ++missed;
    fmt::print("    {}: {}{} {}{}\n", met ? "ok" : "MISSED", bar["metric"].get<std::string>(),
               bar.contains("beside") ? " / " + bar["beside"].get<std::string>() : "",
               limit_of(bar),
               bar.contains("value") ? fmt::format(", is {:.4g}", bar["value"].get<double>())
                                     : ", not measured here");
  }
  std::fflush(stdout);
  return missed;
}

int run(const RunArguments& arguments) {
  const auto suites = load_suites(arguments.folder);
  if (!suites) return report_error(suites.error());
  for (const std::string& name : arguments.suites) {
    const bool known = std::any_of(suites->begin(), suites->end(),
                                   [&](const Suite& suite) { return suite.name == name; });
    if (!known) return report_error(find_case(*suites, name, "").error());
  }
  json cases = json::array();
  int missed = 0;
  for (const Suite& suite : *suites) {
    const auto& wanted = arguments.suites;
    if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), suite.name) == wanted.end()) {
      continue;
    }
    fmt::print("{}: {}\n", suite.name, suite.about);
    for (const CaseSpec& each : suite.cases) {
      // Floors are of the counts that their table says: dspex is not made quick.
      const CaseSpec spec = arguments.quick && suite.name != "dspex" ? made_quick(each) : each;
      const auto ran = run_case(spec, {.seed = arguments.seed});
      if (!ran) return report_error(ran.error());
      std::optional<ContestResult> contest;
      if (!spec.beside.empty()) {
        auto result =
            run_contest(spec, {.rounds = rounds_of(spec, arguments), .seed = arguments.seed});
        if (!result) return report_error(result.error());
        contest = std::move(*result);
      }
      cases.push_back(case_document(spec, *ran, contest));
      missed += print_case(cases.back());
    }
  }
  if (!arguments.json_file.empty()) {
    const auto written = write_text_file(
        arguments.json_file, run_document(arguments.quick, std::move(cases)).dump(1) + "\n");
    if (!written) return report_error(written.error());
  }
  if (missed > 0) fmt::print("{} bars missed\n", missed);
  return arguments.check && missed > 0 ? exit_regression : exit_ok;
}

}  // namespace

void add_run(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<RunArguments>();
  CLI::App* command = app.add_subcommand(
      "run", "How good: suites beside their control and peers, interleaved, as ratios");
  command->add_option("suite", arguments->suites, "these (ordeal-perf cases); none: all");
  command->add_flag("--quick", arguments->quick,
                    "few rounds: shows that it works, measures roughly");
  command->add_option("--rounds", arguments->rounds, "of each contest (20; 10 kills, 5 starts)")
      ->check(CLI::Range(1, 1000));
  command->add_option("--seed", arguments->seed, "of orders and draws (1)");
  command->add_option("--json", arguments->json_file, "write the run there, for `report`");
  command->add_flag("--check", arguments->check, "exit code 1 if a bar is missed");
  command->add_option("--suites", arguments->folder,
                      "folder of TOML suites, instead of those built in");
  command->callback([arguments, &exit_code] { exit_code = run(*arguments); });
}

}  // namespace ordeal::perf
