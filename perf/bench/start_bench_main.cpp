// ordeal-start-bench: how long until workers are ready: cold, forked from a template, and again
// after a SIGKILL, with and without a warm spare. The worker program imports for half a second.
// Exit codes: 0 measured, 1 could not measure, 2 usage.
#include <fmt/format.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>

#include "ordeal/pool/pool.hpp"
#include "perf/bench/happened.hpp"
#include "perf/bench/python.hpp"
#include "perf/bench/sample.hpp"

namespace {

using namespace std::chrono_literals;
using ordeal::perf::Happened;
using ordeal::pool::Options;
using ordeal::pool::Pool;
using ordeal::pool::PoolEvent;
using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point begin, Clock::time_point end = Clock::now()) {
  return std::chrono::duration<double, std::milli>(end - begin).count();
}

Options bench_options(const std::vector<std::string>& command, std::uint32_t size) {
  Options options;
  options.command = command;
  options.environment["PYTHON_MOCK"] = ORDEAL_PYTHON_MOCK;
  options.size = size;
  options.starts_parallel_max = size;
  options.stop_grace = 0ms;
  return options;
}

// From Pool::start to all workers ready. Negative: it did not start.
double start_ms(const Options& options) {
  const auto begin = Clock::now();
  const auto pool = Pool::start(options);
  if (pool) return ms_since(begin);
  fmt::print(stderr, "ordeal-start-bench: {}\n", pool.error().message);
  return -1;
}

// From SIGKILL to the replacement's being ready, once for each kill.
std::vector<double> replacements_ms(Options options, std::uint32_t kills) {
  auto pool = Pool::start(options);
  if (!pool) {
    fmt::print(stderr, "ordeal-start-bench: {}\n", pool.error().message);
    return {};
  }
  Happened ready;
  Happened spare;
  const auto subscription = pool->subscribe([&](const PoolEvent& event) {
    if (event.what == "worker_transition" && event.from == "initializing" && event.to == "ready") {
      ready.tell(event.at);
    } else if (event.what == "template_spare_ready") {
      spare.tell(event.at);
    }
  });
  std::vector<double> taken;
  for (std::uint32_t i = 0; i < kills; ++i) {
    const auto status = pool->status();
    if (options.warm_spares > 0 && status.fork_template.spares == 0) (void)spare.wait();
    const int victim = status.workers.back().pid;
    if (victim <= 0) return {};
    const auto begin = Clock::now();
    ::kill(victim, SIGKILL);
    taken.push_back(ms_since(begin, ready.wait()));
  }
  return taken;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"How long until workers are ready: cold, forked, and again after a SIGKILL"};
  std::uint32_t kills = 50;
  std::uint32_t workers = 8;
  std::uint32_t rounds = 5;
  std::string json;
  std::vector<std::string> command{ordeal::perf::worker_python(), ORDEAL_SLOW_IMPORT_BRIDGE};
  app.add_option("--kills", kills, "kills for each of the replacement's rows")
      ->check(CLI::PositiveNumber);
  app.add_option("--workers", workers, "workers of the pool")->check(CLI::Range(1, 64));
  app.add_option("--rounds", rounds, "pairs of cold and forked starts")->check(CLI::PositiveNumber);
  app.add_option("--json", json, "write the figures there too");
  double import_s = 0.5;
  app.add_option("--import-s", import_s, "how long the standard worker's import computes")
      ->check(CLI::PositiveNumber);
  app.add_option("--worker", command, "worker program and arguments")->expected(-1);
  CLI11_PARSE(app, argc, argv);

  Options one = bench_options(command, 1);
  one.environment["IMPORT_S"] = std::to_string(import_s);
  Options many = bench_options(command, workers);
  many.environment = one.environment;
  many.fork_template = true;
  std::vector<double> cold;
  std::vector<double> forked;
  std::vector<double> ratios;
  for (std::uint32_t i = 0; i < rounds; ++i) {
    cold.push_back(start_ms(one));
    forked.push_back(start_ms(many));
    if (cold.back() < 0 || forked.back() < 0) return 1;
    ratios.push_back(forked.back() / cold.back());
  }
  Options spared = many;
  spared.warm_spares = 1;
  std::vector<double> replaced = replacements_ms(many, kills);
  std::vector<double> with_spare = replacements_ms(spared, kills);
  if (replaced.empty() || with_spare.empty()) return 1;

  std::sort(replaced.begin(), replaced.end());
  std::sort(with_spare.begin(), with_spare.end());
  const auto ratio = ordeal::perf::median_interval(ratios);
  const double cold_ms = ordeal::perf::median_interval(cold).median;
  const double forked_ms = ordeal::perf::median_interval(forked).median;
  fmt::print("one worker, cold        {:8.1f} ms (median of {})\n", cold_ms, rounds);
  fmt::print("{} workers, template    {:8.1f} ms; over one cold {:.3f} [{:.3f}, {:.3f}]\n", workers,
             forked_ms, ratio.median, ratio.low, ratio.high);
  const auto row = [](const char* name, const std::vector<double>& sorted) {
    fmt::print("{:<23} {:8.2f} ms p50, {:.2f} p90, {:.2f} max ({} kills)\n", name,
               ordeal::perf::percentile(sorted, 0.5), ordeal::perf::percentile(sorted, 0.9),
               sorted.back(), sorted.size());
  };
  row("SIGKILL to ready", replaced);
  row("SIGKILL to ready, spare", with_spare);
  if (json.empty()) return 0;
  const nlohmann::json figures{{"cold_ms", cold},
                               {"forked_ms", forked},
                               {"workers", workers},
                               {"replaced_ms", replaced},
                               {"with_spare_ms", with_spare}};
  std::ofstream file(json);
  file << figures.dump(2) << '\n';
  if (file.flush()) return 0;
  fmt::print(stderr, "ordeal-start-bench: --json {}: cannot be written\n", json);
  return 1;
}
