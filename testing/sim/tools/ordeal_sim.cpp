// ordeal-sim: runs simulations of the pool's core by the seed, and replays traces.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <chrono>
#include <ctime>
#include <fstream>
#include <iterator>

#include "testing/sim/replay.hpp"
#include "testing/sim/simulation.hpp"

namespace {

using ordeal::trial::ReplayResult;
using ordeal::trial::SimulationOptions;
using ordeal::trial::SimulationReport;

struct Arguments {
  std::string seeds = "1..1000";
  std::string trace_out;
  std::uint64_t requests = 0;  // 0: as the swarm says
  std::string trace_in;
};

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

int simulate(const Arguments& arguments) {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  if (!read_seeds(arguments.seeds, first, last)) {
    fmt::print(stderr, "ordeal-sim: seeds are A..B or A, not {}\n", arguments.seeds);
    return 2;
  }
  std::uint64_t requests = 0;
  std::uint64_t events = 0;
  ordeal::pool::core::Duration virtual_time{};
  std::array<std::uint64_t, ordeal::pool::error_code_count> outcomes{};
  const std::clock_t begin = std::clock();  // processor time: other programs do not count
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    SimulationOptions options = ordeal::trial::swarm(seed);
    if (arguments.requests != 0) options.requests = arguments.requests;
    options.record = !arguments.trace_out.empty();
    const SimulationReport report = ordeal::trial::Simulation(seed, options).run();
    if (options.record) std::ofstream(arguments.trace_out) << report.trace;
    if (!report.error.empty()) {
      const std::string more =
          arguments.requests == 0 ? "" : fmt::format(" --requests {}", arguments.requests);
      fmt::print("FAIL {}\nrepro: ordeal-sim run --seeds {}{} --trace fail.trace\n", report.error,
                 seed, more);
      return 1;
    }
    requests += report.counters.submitted;
    events += report.events;
    virtual_time += report.virtual_time;
    for (std::size_t i = 0; i < outcomes.size(); ++i) outcomes[i] += report.outcomes[i];
  }
  const double took = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  fmt::print(
      "{} seeds held: {} requests, {} events, {} s of virtual time, in {:.2f} s of processor "
      "time: {:.0f} requests a second\n",
      last - first + 1, requests, events,
      std::chrono::duration_cast<std::chrono::seconds>(virtual_time).count(), took,
      static_cast<double>(requests) / took);
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    if (outcomes[i] == 0) continue;
    const auto code = static_cast<ordeal::pool::ErrorCode>(i);
    fmt::print("{:>12} {}\n", outcomes[i], i == 0 ? "ok" : to_string(code));
  }
  return 0;
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
  }
  CLI::App* again = app.add_subcommand("replay", "feed a trace to a fresh core and compare");
  again->add_option("TRACE", arguments.trace_in, "a file written with --trace or by the pool")
      ->required();
  CLI11_PARSE(app, argc, argv);
  return again->parsed() ? replay(arguments) : simulate(arguments);
}
