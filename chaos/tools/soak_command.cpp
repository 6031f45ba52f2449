// soak: very many requests under constant kills, and an account (chaos/soak/soak.hpp).
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "chaos/soak/soak.hpp"
#include "chaos/tools/hunt_commands.hpp"
#include "chaos/tools/print.hpp"

namespace ordeal::chaos {
namespace {

int complain(std::string_view message) {
  fmt::print(stderr, "ordeal-chaos: {}\n", message);
  return exit_could_not_run;
}

void print_progress(const SoakPlan& plan, const SoakResult& seen) {
  fmt::print(stderr, "\r\033[Ksoak: {} of {} requests, {} kills, {} faults of the wire",
             seen.forked.sent + seen.relayed.sent, plan.requests, seen.kills, seen.wire_faults);
  std::fflush(stderr);
}

// For --sabotage leave-child. Dies with us.
pid_t leave_child() {
  const pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  return child;
}

int run_soak_command(SoakPlan plan, const CommandOptions& options, const std::string& json_file) {
  plan.bridge = options.bridge;
  plan.relay_program = options.relay_program;
  plan.seed = options.seed.value_or(plan.seed);
  if (!std::filesystem::exists(plan.bridge)) return complain(plan.bridge + ": no such file");
  const pid_t child = plan.sabotage == "leave-child" ? leave_child() : 0;
  std::function<void(const SoakResult&)> on_progress;
  if (!options.quiet && isatty(STDERR_FILENO) == 1) {
    on_progress = [&plan](const SoakResult& seen) { print_progress(plan, seen); };
  }
  const auto result = run_soak(plan, on_progress);
  if (on_progress) fmt::print(stderr, "\r\033[K");
  if (child > 0) {
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  }
  if (!result) return complain(result.error().message);
  const std::vector<Check> checks = judge_soak(plan, *result);
  const double seconds = static_cast<double>(result->lasted.count()) / 1e3;
  fmt::print("soak: {} requests in {:.1f} s (seed {})\n", plan.requests, seconds, plan.seed);
  print_checks(checks);
  const trial::Verdict verdict = overall(checks);
  fmt::print("{}\n", to_string(verdict.kind()));
  int exit_code = verdict.kind() == trial::Verdict::Kind::pass   ? exit_pass
                  : verdict.kind() == trial::Verdict::Kind::fail ? exit_fail
                                                                 : exit_unknown;
  if (!json_file.empty()) {
    const auto written = write_soak_summary(json_file, plan, *result, checks);
    if (!written) exit_code = complain(written.error().message);
  }
  if (result->threads_left_behind) end_process(exit_code);
  return exit_code;
}

}  // namespace

void add_soak(CLI::App& app, CommandOptions& options, int& exit_code) {
  struct Own {
    SoakPlan plan;
    std::string json_file;
    std::uint32_t kill_every_ms = 50, wire_every_ms = 500;
  };
  const auto own = std::make_shared<Own>();
  CLI::App* soak = app.add_subcommand(
      "soak", "very many requests, a kill every few milliseconds, wire faults, an account");
  soak->add_option("--requests", own->plan.requests)
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000'000}))
      ->capture_default_str();
  soak->add_option("--kill-every-ms", own->kill_every_ms)
      ->check(CLI::Range(1, 3'600'000))
      ->capture_default_str();
  soak->add_option("--wire-every-ms", own->wire_every_ms, "between two damaged replies")
      ->check(CLI::Range(1, 3'600'000))
      ->capture_default_str();
  soak->add_option("--workers", own->plan.workers, "that are killed")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  soak->add_option("--callers", own->plan.callers, "of those workers")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  soak->add_option("--seed", options.seed, "of nonces, targets and faults");
  soak->add_option("--json", own->json_file, "the figures and the verdict");
  soak->add_option("--bridge", options.bridge, "the workers' Python program");
  soak->add_flag("--quiet", options.quiet, "no progress line");
  soak->add_option("--sabotage", own->plan.sabotage, "break something, to see it found out")
      ->check(CLI::IsMember({"spare-workers", "leave-child", "leak-fds", "no-retries"}));
  soak->callback([&options, &exit_code, own] {
    own->plan.kill_every = milliseconds{own->kill_every_ms};
    own->plan.wire_every = milliseconds{own->wire_every_ms};
    exit_code = run_soak_command(own->plan, options, own->json_file);
  });
}

}  // namespace ordeal::chaos
