// ordeal-bench: latency of a call through the pool, as ratios to a raw blocking pipe to the same
// worker, measured in the same run. Exit codes: 0 measured, 1 could not measure, 2 usage.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "perf/bench/call_bench.hpp"
#include "perf/bench/python.hpp"

namespace {

using ordeal::perf::CallBenchOptions;
using ordeal::perf::CallBenchResult;
using ordeal::perf::Interval;
using ordeal::perf::Summary;

struct Case {
  const char* name;
  const char* what;
  void (*set)(CallBenchOptions& options);
};

using ordeal::perf::Control;
using ordeal::pool::SpinMode;

void set_four_on_two(CallBenchOptions& o) {
  o.callers = 4;
  o.workers = 2;
  o.calls_per_block = 2000;
}

// Another case is another row. Those that need pauses of their own set how many calls make a block.
constexpr Case cases[] = {
    {"pinned", "caller and worker on one CPU: what the pool's own code costs",
     [](CallBenchOptions& o) { o.pinned = true; }},
    {"free", "where the scheduler puts them", [](CallBenchOptions&) {}},
    {"free-no-spin", "the same, the pool never spinning",
     [](CallBenchOptions& o) { o.spin = SpinMode::off; }},
    {"free-worker-spin", "the same, the worker looking 50 µs for its next request, too",
     [](CallBenchOptions& o) { o.worker_spin_us = 50; }},
    {"busy", "as free, all CPUs kept busy by others",
     [](CallBenchOptions& o) { o.crowded = true; }},
    {"large", "16 MiB there and back",
     [](CallBenchOptions& o) {
       o.arguments = R"({"payload":")" + std::string(std::size_t{16} << 20U, 'x') + R"("})";
       o.calls_per_block = 2;
       o.warm_up_calls = 4;
     }},
    {"parallel", "4 callers on 2 workers, beside 2 raw pipes with a caller each", set_four_on_two},
    {"shared", "the same, beside 2 raw pipes that 4 callers take in turns",
     [](CallBenchOptions& o) {
       set_four_on_two(o);
       o.control = Control::shared_pipes;
     }},
    {"parallel-no-spin", "the same, the pool never spinning",
     [](CallBenchOptions& o) {
       set_four_on_two(o);
       o.spin = SpinMode::off;
     }},
    {"queued", "4 callers on a worker, beside a raw pipe with one caller",
     [](CallBenchOptions& o) {
       o.callers = 4;
       o.calls_per_block = 2000;
     }},
    {"cpu", "CPU time of a short call that may spin, beside a pool that never does",
     [](CallBenchOptions& o) { o.control = Control::blocking_pool; }},
    {"cpu-1ms", "the same of a call of 1 ms",
     [](CallBenchOptions& o) {
       o.control = Control::blocking_pool;
       o.command = "sleep";
       o.arguments = R"({"ms":1})";
       o.calls_per_block = 100;
       o.warm_up_calls = 50;
     }},
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
          {"callers", options.callers},
          {"workers", options.workers},
          {"pool", as_json(result.pool)},
          {"control", as_json(result.control)},
          {"mean_ratio", as_json(result.mean_ratio)},
          {"p50_ratio", as_json(result.p50_ratio)},
          {"p90_ratio", as_json(result.p90_ratio)},
          {"p99_ratio", as_json(result.p99_ratio)},
          {"cpu_ratio", as_json(result.cpu_ratio)},
          {"throughput_ratio", as_json(result.throughput_ratio)},
          {"reads_wasted_per_call", result.reads_wasted_per_call},
          {"yields_per_call", result.yields_per_call}};
}

void report_case(const Case& which, const CallBenchOptions& options,
                 const CallBenchResult& result) {
  fmt::print("{}: {} ({} pairs of {} calls)\n", which.name, which.what, options.pairs,
             options.calls_per_block);
  print_row("pool", result.pool);
  print_row("control", result.control);
  print_ratio("mean", result.mean_ratio);
  print_ratio("p50", result.p50_ratio);
  print_ratio("p90", result.p90_ratio);
  print_ratio("p99", result.p99_ratio);
  print_ratio("CPU", result.cpu_ratio);
  fmt::print("  spinning {:.1f} reads wasted and {:.2f} yields a call\n",
             result.reads_wasted_per_call, result.yields_per_call);
  if (options.callers > 1) print_ratio("calls/s", result.throughput_ratio);
}

std::string names_of_cases() {
  std::string names;
  for (const Case& which : cases) names += (names.empty() ? "" : ", ") + std::string{which.name};
  return names;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Latency of a call through the pool beside a raw blocking pipe to the same worker"};
  CallBenchOptions defaults;
  defaults.worker = {ordeal::perf::worker_python(), ORDEAL_MOCK_BRIDGE, "--faults"};
  std::size_t payload_bytes = 64;
  bool quick = false;
  std::uint32_t calls_max = std::numeric_limits<std::uint32_t>::max();
  std::string only;
  std::string json_file;
  app.add_flag("--quick", quick, "few pairs: shows that it works, measures roughly");
  app.add_option("--case", only, "only this case: " + names_of_cases());
  const CLI::Option* pairs = app.add_option("--pairs", defaults.pairs,
                                            "pairs of blocks (at least 20 for a ratio to report)");
  app.add_option("--quick-calls", calls_max, "with --quick: at most so many calls make a block")
      ->check(CLI::PositiveNumber);
  app.add_option("--payload-bytes", payload_bytes, "size of the echoed text");
  app.add_option("--json", json_file, "write the figures there too");
  app.add_option("--worker", defaults.worker, "worker program and arguments");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const auto is_wanted = [&](const Case& which) { return only.empty() || only == which.name; };
  if (std::none_of(std::begin(cases), std::end(cases), is_wanted)) {
    fmt::print(stderr, "ordeal-bench: --case {}: allowed: {}\n", only, names_of_cases());
    return 2;
  }
  defaults.arguments = R"({"payload":")" + std::string(payload_bytes, 'x') + R"("})";
  nlohmann::json report = nlohmann::json::array();
  for (const Case& which : cases) {
    if (!is_wanted(which)) continue;
    CallBenchOptions options = defaults;
    which.set(options);
    if (quick) {
      if (pairs->count() == 0) options.pairs = 6;
      options.warm_up_calls = std::min(options.warm_up_calls, 200U);
      options.calls_per_block = std::min(options.calls_per_block, calls_max);
    }
    const auto result = ordeal::perf::run_call_bench(options);
    if (!result) {
      fmt::print(stderr, "ordeal-bench: {}: {}\n", which.name, result.error().message);
      return 1;
    }
    report_case(which, options, *result);
    report.push_back(as_json(which, options, *result));
  }
  if (!json_file.empty()) std::ofstream{json_file} << report.dump(2) << '\n';
  return 0;
}
