// ordeal-bench: latency of a call through the pool, as ratios to a raw blocking pipe to the same
// worker, measured in the same run. Exit codes: 0 measured, 1 could not measure, 2 usage.
#include <fmt/format.h>
#include <sched.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "perf/bench/call_bench.hpp"

namespace {

using ordeal::perf::CallBenchOptions;
using ordeal::perf::CallBenchResult;
using ordeal::perf::Interval;
using ordeal::perf::Summary;

struct Case {
  const char* name;
  bool pinned;
  ordeal::pool::SpinMode spin;
};

void print_row(const char* name, const Summary& s) {
  fmt::print("  {:<8} mean {:8.1f}  p50 {:8.1f}  p90 {:8.1f}  p99 {:8.1f}  µs\n", name, s.mean_us,
             s.p50_us, s.p90_us, s.p99_us);
}

void print_ratio(const char* name, const Interval& r) {
  fmt::print("  {:<8} pool / control {:.3f}  [{:.3f}, {:.3f}]\n", name, r.median, r.low, r.high);
}

nlohmann::json as_json(const Summary& s) {
  return {{"mean_us", s.mean_us}, {"p50_us", s.p50_us}, {"p90_us", s.p90_us}, {"p99_us", s.p99_us}};
}

nlohmann::json as_json(const Interval& r) {
  return {{"median", r.median}, {"low", r.low}, {"high", r.high}};
}

nlohmann::json as_json(const Case& which, const CallBenchOptions& options,
                       const CallBenchResult& result) {
  return {{"case", which.name},
          {"pairs", options.pairs},
          {"calls_per_block", options.calls_per_block},
          {"payload_bytes", options.payload_bytes},
          {"pool", as_json(result.pool)},
          {"control", as_json(result.control)},
          {"mean_ratio", as_json(result.mean_ratio)},
          {"p50_ratio", as_json(result.p50_ratio)},
          {"p90_ratio", as_json(result.p90_ratio)},
          {"p99_ratio", as_json(result.p99_ratio)}};
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Latency of a call through the pool beside a raw blocking pipe to the same worker"};
  CallBenchOptions options;
  options.worker = {"python3", ORDEAL_MOCK_BRIDGE, "--faults"};
  bool quick = false;
  std::string only;
  std::string json_file;
  app.add_flag("--quick", quick, "few pairs: shows that it works, measures roughly");
  app.add_option("--case", only, "only this case: pinned, pinned-no-spin, free, free-no-spin");
  app.add_option("--pairs", options.pairs, "pairs of blocks (at least 20 for a ratio to report)");
  app.add_option("--payload-bytes", options.payload_bytes, "size of the echoed text");
  app.add_option("--json", json_file, "write the figures there too");
  app.add_option("--worker", options.worker, "worker program and arguments");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (quick) {
    options.pairs = 6;
    options.warm_up_calls = 200;
  }
  const Case cases[] = {{"pinned", true, ordeal::pool::SpinMode::adaptive},
                        {"free", false, ordeal::pool::SpinMode::adaptive},
                        {"free-no-spin", false, ordeal::pool::SpinMode::off}};
  nlohmann::json report = nlohmann::json::array();
  for (const Case& which : cases) {
    if (!only.empty() && only != which.name) continue;
    options.pinned = which.pinned;
    options.spin = which.spin;
    const auto result = ordeal::perf::run_call_bench(options);
    if (!result) {
      fmt::print(stderr, "{}: {}\n", which.name, result.error().message);
      return 1;
    }
    fmt::print("{} ({} pairs of {} calls, echo of {} bytes)\n", which.name, options.pairs,
               options.calls_per_block, options.payload_bytes);
    print_row("pool", result->pool);
    print_row("control", result->control);
    print_ratio("mean", result->mean_ratio);
    print_ratio("p50", result->p50_ratio);
    print_ratio("p90", result->p90_ratio);
    print_ratio("p99", result->p99_ratio);
    report.push_back(as_json(which, options, *result));
  }
  if (!json_file.empty()) std::ofstream{json_file} << report.dump(2) << '\n';
  return 0;
}
