// ordeal-demo: the pool at work while its workers are killed, and an account of every call.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "chaos/experiment/summary.hpp"
#include "chaos/tools/print.hpp"

namespace {

using namespace ordeal;
using namespace ordeal::chaos;

enum ExitCode {
  exit_pass = 0,
  exit_fail = 1,
  exit_usage = 2,
  exit_no_start = 3
};

struct DemoOptions {
  std::uint64_t seed = 20'240'917;
  std::uint32_t duration_s = 7;
  std::uint32_t workers = 4;
  std::uint32_t callers = 8;
  std::uint32_t kill_every_ms = 100;
  std::uint32_t deadline_ms = 10'000;
  std::string bridge = ORDEAL_MOCK_BRIDGE;
  std::string json_file = ORDEAL_DEMO_SUMMARY;
  std::string journal_file;
  std::string sabotage;
};

void add_options(CLI::App& app, DemoOptions& options) {
  app.add_option("--seed", options.seed, "of nonces, calls and targets")->capture_default_str();
  app.add_option("--duration-s", options.duration_s, "of the load, seconds")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  app.add_option("--workers", options.workers)->check(CLI::Range(1, 256))->capture_default_str();
  app.add_option("--callers", options.callers)->check(CLI::Range(1, 1024))->capture_default_str();
  app.add_option("--kill-every-ms", options.kill_every_ms, "no kills closer than this")
      ->check(CLI::Range(1, 3'600'000))
      ->capture_default_str();
  app.add_option("--deadline-ms", options.deadline_ms, "of each call")
      ->check(CLI::Range(1, 3'600'000))
      ->capture_default_str();
  app.add_option("--bridge", options.bridge, "the workers' Python program")->capture_default_str();
  app.add_option("--json", options.json_file, "the summary")->capture_default_str();
  app.add_option("--journal", options.journal_file, "JSON lines as it happens; empty: none");
  app.add_option("--sabotage", options.sabotage, "break something on purpose, to see it found out")
      ->check(
          CLI::IsMember({"swap-replies", "fail-all", "lose-one", "spare-workers", "leave-child"}));
}

AttackPlan plan_of(const DemoOptions& options) {
  AttackPlan plan{.title = "demo", .seed = options.seed};
  plan.pool.command = {"python3", options.bridge, "--faults"};
  plan.pool.size = options.workers;
  plan.pool.seed = options.seed;
  plan.pool.name = "demo";
  plan.load.callers = options.callers;
  plan.load.deadline = milliseconds{options.deadline_ms};
  plan.duration = std::chrono::seconds{options.duration_s};
  plan.quiet = std::min<milliseconds>(milliseconds{1'000}, plan.duration / 4);
  plan.schedule.every = milliseconds{options.kill_every_ms};
  using Rule = Target::Rule;
  plan.schedule.targets = {{.rule = Rule::busiest}, {.rule = Rule::one},
                           {.rule = Rule::busiest}, {.rule = Rule::random, .count = 2},
                           {.rule = Rule::oldest},  {.rule = Rule::idle}};
  plan.sabotage = trial::parse_sabotage(options.sabotage);
  if (options.sabotage == "spare-workers") {
    plan.kill.signal = 0;
    plan.kill.proof_max = milliseconds{100};
  }
  return plan;
}

void print_progress(const AttackPlan& plan, const Progress& progress) {
  fmt::print(stderr, "\r{:5.1f} s  {} calls, {} ok  {} kills  {} of {} workers serve   ",
             static_cast<double>(progress.since_start.count()) / 1e3, progress.load.sent,
             progress.load.ok, progress.kills, progress.serving, plan.pool.size);
  std::fflush(stderr);
}

void print_figures(const AttackPlan& plan, const AttackResult& result) {
  const trial::LatencySummary latency = trial::summarize_latency(result.history);
  std::vector<double> recoveries;
  for (const Victim& victim : result.victims) {
    if (victim.state != Victim::State::recovered) continue;
    recoveries.push_back(
        std::chrono::duration<double, std::milli>(victim.recovered_at - victim.injected_at)
            .count());
  }
  std::sort(recoveries.begin(), recoveries.end());
  fmt::print(
      "{} callers called {} Python workers for {:.1f} s; meanwhile {} workers were killed "
      "with SIGKILL.\n",
      plan.load.callers, plan.pool.size, static_cast<double>(result.load_lasted.count()) / 1e3,
      result.victims.size());
  fmt::print(
      "latency of ok calls, ms: p50 {:.2f}, p90 {:.2f}, p99 {:.2f}, p99.9 {:.2f}, max "
      "{:.2f}\n",
      latency.p50_us / 1e3, latency.p90_us / 1e3, latency.p99_us / 1e3, latency.p999_us / 1e3,
      latency.max_us / 1e3);
  if (!recoveries.empty()) {
    fmt::print("from kill to full capacity, ms: median {:.0f}, max {:.0f}\n",
               recoveries[recoveries.size() / 2], recoveries.back());
  }
}

// For --sabotage leave-child. Made before any thread, dies with us.
void leave_child() {
  if (fork() == 0) {
    pause();
    _exit(0);
  }
}

int run(const DemoOptions& options) {
  if (!std::filesystem::exists(options.bridge)) {
    fmt::print(stderr, "ordeal-demo: --bridge {}: no such file\n", options.bridge);
    return exit_usage;
  }
  if (options.sabotage == "leave-child") leave_child();
  Journal journal;
  if (!options.journal_file.empty()) {
    auto opened = Journal::open(options.journal_file);
    if (!opened) {
      fmt::print(stderr, "ordeal-demo: {}\n", opened.error().message);
      return exit_usage;
    }
    journal = std::move(*opened);
  }
  const AttackPlan plan = plan_of(options);
  const bool on_terminal = isatty(STDERR_FILENO) == 1;
  std::function<void(const Progress&)> on_progress;
  if (on_terminal) on_progress = [&plan](const Progress& seen) { print_progress(plan, seen); };
  auto result = attack(plan, journal, on_progress);
  if (on_terminal) fmt::print(stderr, "\r\033[K");
  if (!result) {
    fmt::print(stderr, "ordeal-demo: the pool did not start: {}\n", result.error().message);
    return exit_no_start;
  }
  // Far below what a slow machine reaches, far above a run that shows nothing.
  const Bars bars{.calls_min = 50ULL * options.duration_s,
                  .kills_min = (options.duration_s + 1) / 2,
                  .struck_percent_min = 30};
  const std::vector<Check> checks = judge(plan, *result, bars);
  print_figures(plan, *result);
  print_checks(checks);
  const bool passed = overall(checks).passed();
  journal.note("verdict", {{"verdict", passed ? "pass" : "fail"}});
  int exit_code = passed ? exit_pass : exit_fail;
  if (auto written = write_summary(options.json_file, plan, *result, checks); !written) {
    fmt::print("{}\n", written.error().message);
    exit_code = exit_fail;
  }
  fmt::print("{}  (seed {}; summary in {})\n", exit_code == exit_pass ? "PASS" : "FAIL",
             options.seed, options.json_file);
  for (const ProcessSeen& process : result->left_behind) kill(process.pid, SIGKILL);
  if (result->threads_left_behind()) end_process(exit_code);
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  DemoOptions options;
  CLI::App app{
      "The pool at work: Python workers, concurrent callers, SIGKILLs, and an account of "
      "every call.\nExit code: 0 all adds up, 1 it does not, 2 wrong use, 3 no start."};
  add_options(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_pass : exit_usage;
  }
  return run(options);
}
