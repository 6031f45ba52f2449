// ordeal-count: what a call costs its caller, in counts that do not depend on the machine's load:
// system calls, instructions, allocations, sleeps. Exit codes: 0 within the limits, 1 above one, or
// it could not be counted, 2 usage.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "perf/bench/call_counters.hpp"
#include "perf/bench/python.hpp"

namespace {

using ordeal::perf::CallCounts;
using ordeal::perf::Counted;
using ordeal::perf::CountOptions;

struct Row {
  const char* name;
  Counted what;
  ordeal::pool::SpinMode spin;
};

nlohmann::json as_json(const char* name, const CallCounts& counts) {
  return {{"case", name},
          {"system_calls", counts.system_calls},
          {"by_name", counts.by_name},
          {"instructions", counts.instructions},
          {"allocations", counts.allocations},
          {"sleeps", counts.sleeps},
          {"wake_ups_of_others", counts.wake_ups_of_others}};
}

void print(const char* name, const CallCounts& counts) {
  fmt::print(
      "{:<10} {:6.2f} system calls  {:8.0f} instructions  {:5.2f} allocations  {:5.2f} sleeps"
      "  {:5.2f} wake-ups of others\n",
      name, counts.system_calls, counts.instructions, counts.allocations, counts.sleeps,
      counts.wake_ups_of_others);
  for (const auto& [call, count] : counts.by_name)
    fmt::print("             {:6.2f} {}\n", count, call);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"What a call costs the thread that makes it, counted"};
  CountOptions options;
  options.worker = {ordeal::perf::worker_python(), ORDEAL_MOCK_BRIDGE, "--faults"};
  double system_calls_max = 0;
  double allocations_max = -1;
  bool no_instructions = false;
  std::string json_file;
  bool features = false;
  app.add_option("--payload-bytes", options.payload_bytes, "size of the echoed text");
  app.add_option("--worker", options.worker, "worker program and arguments");
  app.add_option("--functions", options.functions_file,
                 "write how often the pool executed each instruction there, by address");
  app.add_flag("--no-instructions", no_instructions, "count the rest alone: takes no second");
  app.add_option("--system-calls-max", system_calls_max, "exit 1 if a call of the pool makes more");
  app.add_option("--allocations-max", allocations_max, "exit 1 if a call of the pool makes more");
  app.add_flag("--features", features, "count a call with all features on, too");
  app.add_option("--json", json_file, "write the counts there too");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (no_instructions) options.calls_by_instruction = 0;
  const Row rows[] = {{"control", Counted::control, ordeal::pool::SpinMode::off},
                      {"pool", Counted::pool, ordeal::pool::SpinMode::off},
                      {"features", Counted::features, ordeal::pool::SpinMode::off}};
  nlohmann::json report = nlohmann::json::array();
  int status = 0;
  for (const Row& row : rows) {
    if (row.what == Counted::features && !features) continue;
    CountOptions mine = options;
    mine.what = row.what;
    mine.spin = row.spin;
    if (!mine.functions_file.empty()) mine.functions_file += fmt::format(".{}", row.name);
    const auto counts = ordeal::perf::count_calls(mine);
    if (!counts) {
      fmt::print(stderr, "ordeal-count: {}: {}\n", row.name, counts.error().message);
      return 1;
    }
    print(row.name, *counts);
    report.push_back(as_json(row.name, *counts));
    if (row.what != Counted::pool) continue;
    if (system_calls_max > 0 && counts->system_calls > system_calls_max) {
      fmt::print("{}: above the limit of {} system calls a call\n", row.name, system_calls_max);
      status = 1;
    }
    if (allocations_max >= 0 && counts->allocations > allocations_max) {
      fmt::print("{}: above the limit of {} allocations a call\n", row.name, allocations_max);
      status = 1;
    }
  }
  if (!json_file.empty()) std::ofstream{json_file} << report.dump(2) << '\n';
  return status;
}
