// ordeal-sim: runs simulations of the pool's core by the seed, and replays traces.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>

#include "testing/sim/knobs.hpp"
#include "testing/sim/replay.hpp"
#include "testing/sim/shrink.hpp"
#include "testing/sim/sights.hpp"

namespace {

using ordeal::trial::ReplayResult;
using ordeal::trial::SimulationOptions;
using ordeal::trial::SimulationReport;

struct Arguments {
  std::string seeds = "1..1000";
  std::string trace_out;
  std::uint64_t requests = 0;  // 0: as the swarm says
  std::string set;
  bool shrinks = false;
  bool lists = false;
  std::string trace_in;
};

// Of so many seeds one runs twice, and its logs are compared.
constexpr std::uint64_t twice_each = 16;
// So many seeds see everything; of fewer it is not demanded.
constexpr std::uint64_t seeds_that_see_all = 300;

// "7" or "A..B", both ends included.
bool read_seeds(const std::string& text, std::uint64_t& first, std::uint64_t& last) {
  const auto dots = text.find("..");
  try {
    first = std::stoull(text.substr(0, dots), nullptr, 0);
    last = dots == std::string::npos ? first : std::stoull(text.substr(dots + 2), nullptr, 0);
  } catch (const std::exception&) {
    return false;
  }
  return first <= last;
}

// Wrong options are told, and end the program.
SimulationOptions options_of(std::uint64_t seed, const Arguments& arguments) {
  SimulationOptions options = ordeal::trial::swarm(seed);
  if (arguments.requests != 0) options.requests = arguments.requests;
  if (const std::string wrong = set_knobs(options, arguments.set); !wrong.empty()) {
    fmt::print(stderr, "ordeal-sim: --set: {}\n", wrong);
    std::exit(2);
  }
  return options;
}

SimulationReport run_one(std::uint64_t seed, SimulationOptions options, bool record) {
  options.record = record;
  return ordeal::trial::Simulation(seed, options).run();
}

int fail(const SimulationReport& report, const SimulationOptions& options,
         const Arguments& arguments) {
  fmt::print("FAIL {}\nrepro: {} --trace fail.trace\n", report.error,
             ordeal::trial::repro_line(report.seed, options));
  if (!arguments.shrinks) {
    fmt::print("smaller: the same with --shrink\n");
    return 1;
  }
  const auto least = ordeal::trial::shrink(report.seed, options);
  fmt::print("shrunk, after {} tries, to {} events: {}\nrepro: {} --trace fail.trace\n",
             least.tried, least.events, least.error,
             ordeal::trial::repro_line(least.seed, least.options));
  return 1;
}

// Of every sixteenth seed; the first difference, or nothing.
std::string compare_twice(std::uint64_t seed, const SimulationOptions& options) {
  const std::string once = run_one(seed, options, true).trace;
  const std::string again = run_one(seed, options, true).trace;
  if (once == again) return {};
  const auto differs = std::mismatch(once.begin(), once.end(), again.begin(), again.end()).first;
  const auto line = 1 + std::count(once.begin(), differs, '\n');
  return fmt::format("seed {} is not the same run twice: line {} of its log differs", seed, line);
}

void list(const ordeal::trial::SuiteReport& suite) {
  for (const auto& sight : suite.sights()) fmt::print("{:>12} {}\n", sight.count, sight.name);
  fmt::print("States, by visits:\n");
  for (const auto& [state, count] : suite.sum().states.states().all()) {
    fmt::print("{:>12} {}\n", count,
               ordeal::trial::in_words(static_cast<ordeal::trial::ModelState>(state)));
  }
}

int simulate(const Arguments& arguments) {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  if (!read_seeds(arguments.seeds, first, last)) {
    fmt::print(stderr, "ordeal-sim: seeds are A..B or A, not {}\n", arguments.seeds);
    return 2;
  }
  ordeal::trial::SuiteReport suite;
  const std::clock_t begin = std::clock();  // processor time: other programs do not count
  std::clock_t comparing = 0;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    const SimulationOptions options = options_of(seed, arguments);
    const SimulationReport report = run_one(seed, options, !arguments.trace_out.empty());
    if (!arguments.trace_out.empty()) std::ofstream(arguments.trace_out) << report.trace;
    if (!report.error.empty()) return fail(report, options, arguments);
    suite.add(report);
    if (seed % twice_each != 0) continue;
    const std::clock_t since = std::clock();
    if (const std::string differs = compare_twice(seed, options); !differs.empty()) {
      fmt::print("FAIL {}\n", differs);
      return 1;
    }
    comparing += std::clock() - since;
  }
  const double took = static_cast<double>(std::clock() - begin - comparing) / CLOCKS_PER_SEC;
  const SimulationReport& sum = suite.sum();
  fmt::print(
      "held: {}, {} s of virtual time, in {:.2f} s of processor time: {:.0f} requests a second\n",
      suite.summary(), std::chrono::duration_cast<std::chrono::seconds>(sum.virtual_time).count(),
      took, static_cast<double>(sum.counters.submitted) / took);
  if (arguments.lists) list(suite);
  const bool must_see_all = suite.seeds() >= seeds_that_see_all && arguments.set.empty();
  const auto missing = suite.never_seen();
  for (const std::string& name : missing) {
    fmt::print("{}: {}\n", must_see_all ? "NEVER SEEN" : "not seen", name);
  }
  return must_see_all && !missing.empty() ? 1 : 0;
}

int replay(const Arguments& arguments) {
  std::ifstream file(arguments.trace_in, std::ios::binary);
  if (!file) {
    fmt::print(stderr, "ordeal-sim: cannot open {}\n", arguments.trace_in);
    return 2;
  }
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const ReplayResult result = ordeal::trial::replay(text);
  if (!result.same) {
    fmt::print("DIFFERENT {}\n", result.difference);
    return 1;
  }
  fmt::print("same: {} events, {} actions\n", result.events, result.actions);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Simulates the pool's core: clients, workers, faults and time from one seed."};
  app.require_subcommand(0, 1);
  Arguments arguments;
  CLI::App* run = app.add_subcommand("run", "run the swarm's simulation of each seed (default)");
  for (CLI::App* command : {&app, run}) {
    command->add_option("--seeds", arguments.seeds, "A..B, both ends included, or one")
        ->capture_default_str();
    command->add_option("--requests", arguments.requests, "of each seed, with faults");
    command->add_option("--trace", arguments.trace_out, "write the last run's trace to this file");
    command->add_option("--set", arguments.set,
                        "knobs, instead of what the swarm draws: \"size=1\"");
    command->add_flag("--shrink", arguments.shrinks, "make the first failure as small as it goes");
    command->add_flag("--sights", arguments.lists, "what was seen, how often; states by visits");
  }
  CLI::App* again = app.add_subcommand("replay", "feed a trace to a fresh core and compare");
  again->add_option("TRACE", arguments.trace_in, "a file written with --trace or by the pool")
      ->required();
  CLI11_PARSE(app, argc, argv);
  return again->parsed() ? replay(arguments) : simulate(arguments);
}
