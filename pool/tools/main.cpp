// ordeal-pool: the reference pool from a shell. The command line; see run_loop.hpp for the rest.
#include <CLI/CLI.hpp>

#include <algorithm>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "ordeal/pool/version.hpp"
#include "pool/tools/errors_command.hpp"
#include "pool/tools/operator_command.hpp"
#include "pool/tools/run_command.hpp"
#include "pool/tools/status_command.hpp"
#include "pool/tools/top_command.hpp"

namespace ordeal::pool::tools {
namespace {

constexpr const char* footer = R"(Exit status:
  0    run: every request was answered with a success
  1    run: some requests failed or are indeterminate (their outcomes say which)
  2    wrong options or configuration, or an option that is not built yet
  3    run: the pool could not start; status: no running pool was found
  4    input, output, events file, alerts file or socket
  5    shadow: answers differ; rollout: the new version was taken back
  130  interrupted (SIGINT, SIGTERM, SIGHUP): what was submitted is answered, the rest was not read
  137  interrupted twice: workers were killed, their requests are answered as stopped_in_flight)";

constexpr const char* run_footer = R"(A line of input (only "command" is needed):
  {"command": "echo", "args": {"x": 1}, "deadline_ms": 500, "label": "night", "id": 7,
   "idempotent": false, "traceparent": "00-..."}
A line of output, in order of completion:
  {"line":1,"id":7,"outcome":"ok","result":{"x": 1},"worker":2,"attempts":1,...}
  {"line":2,"outcome":"indeterminate","error":{"code":"worker_died",...},"worker":3,"attempts":1}

Examples:
  echo '{"command": "ping"}' | ordeal-pool run -- python3 python_mock/mock_bridge.py
  ordeal-pool run --workers 8 --input requests.jsonl --output outcomes.jsonl -- python3 bridge.py
  ordeal-pool run --config pool.toml --set call_timeout_ms=5000 --events events.jsonl < requests
  ordeal-pool run --metrics 127.0.0.1:9464 -- python3 bridge.py < requests
  ordeal-pool run --alerts alerts.jsonl --alert-rule window_ms=30000 -- python3 bridge.py < requests
  ordeal-pool run --workers 8 --print-config -- python3 bridge.py > pool.toml

Ctrl-C stops reading and waits for what was submitted; a second one kills the workers.
Exit status: see ordeal-pool --help.)";

constexpr const char* migration_footer = R"(
Examples:
  ordeal-pool shadow --share 0.5 --to 'python3 new.py' -- python3 old.py < requests.jsonl
  ordeal-pool shadow --to 'python3 new.py' --ignore '/usage/*' --report r.json -- python3 old.py
  ordeal-pool rollout --to 'python3 new.py' --shares 0.1,0.5,1 -- python3 old.py < requests.jsonl

A request in a session stays with the old version; a shadow leaves out what is not idempotent.
All options of run go here, too. Exit status: 5 if answers differ, or the new version was taken
back; else as run's.)";

constexpr const char* status_footer = R"(Without --socket: the one running pool of this user, or
a list if there are several.

Examples:
  ordeal-pool status
  ordeal-pool status --json | python3 -m json.tool)";

void add_run(CLI::App& app, RunArguments& run) {
  app.footer(run_footer);
  app.add_option("--workers", run.workers, "Workers kept (option size)")->type_name("N");
  app.add_option("--config", run.config_file, "Options from this TOML file")->type_name("FILE");
  app.add_option("--set", run.settings, "One option; wins over the file. Repeatable")
      ->type_name("NAME=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--input", run.input, "Requests, JSON lines; -: standard input")
      ->type_name("FILE")
      ->capture_default_str();
  app.add_option("--output", run.output, "Outcomes, JSON lines, mode 0600; -: standard output")
      ->type_name("FILE")
      ->capture_default_str();
  app.add_option("--concurrency", run.concurrency,
                 "Requests with the pool at once (default: twice the workers, at most queue_max)")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  app.add_option("--record", run.record_file, "Record the core's inputs, for replay (bounded)")
      ->type_name("FILE");
  app.add_option("--events", run.events_file, "Append the pool's events, JSON lines, mode 0600")
      ->type_name("FILE");
  app.add_option("--alerts", run.alerts_file,
                 "Append alerts (error rate, open circuits) to it, JSON lines, mode 0600")
      ->type_name("FILE");
  app.add_option("--alert-command", run.alert_command,
                 "Run it by /bin/sh for each alert, which is on its stdin as JSON; at most 10 s")
      ->type_name("COMMAND");
  app.add_option("--alert-rule", run.alert_rules,
                 "warn_permille, critical_permille, requests_min, window_ms, circuits_open_max, "
                 "cooldown_ms or history_max. Repeatable")
      ->type_name("NAME=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  CLI::Option* metrics =
      app.add_option("--metrics", run.metrics,
                     "Serve Prometheus metrics there, loopback only; port 0: any, printed")
          ->type_name("HOST:PORT");
  app.add_flag("--metrics-public", run.metrics_public,
               "Let --metrics be reached from elsewhere (no encryption, no password)")
      ->needs(metrics);
  app.add_option("--socket", run.socket,
                 "Where `status` can ask (default: in $XDG_RUNTIME_DIR or /tmp/ordeal-UID)")
      ->type_name("PATH");
  app.add_flag("--print-config", run.print_config,
               "Print the effective options as TOML (environment values in full) and exit");
}

// What `shadow` and `rollout` have beside the options of `run`.
void add_migration(CLI::App& app, RunArguments& run, MigrationArguments& to) {
  add_run(app, run);
  app.footer(migration_footer);
  app.add_option("--to", to.to, "The new version: words between blanks, or a TOML list")
      ->type_name("COMMAND")
      ->required();
  app.add_option("--new-workers", to.options.size, "Workers of the new version (default: as many)")
      ->type_name("N");
  app.add_option("--seed", to.options.seed, "Which requests go to the new version")->type_name("N");
  app.add_option("--report", to.report_file, "What was seen, one JSON object, mode 0600")
      ->type_name("FILE");
}

void add_shadow(CLI::App& app, RunArguments& run, MigrationArguments& to) {
  add_migration(app, run, to);
  app.add_option("--share", to.options.share, "Of the requests, 0 to 1")->capture_default_str();
  app.add_option("--ignore", to.options.compare.ignore,
                 "What lies there in results may differ; a segment * is any. Repeatable")
      ->type_name("POINTER")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--tolerance", to.options.compare.tolerance, "Numbers may differ by this part")
      ->capture_default_str();
  app.add_flag("--shadow-effects", to.options.shadow_effects,
               "Send twice also what is not idempotent: its effects happen twice");
}

void add_rollout(CLI::App& app, RunArguments& run, MigrationArguments& to, RolloutRules& rules) {
  add_migration(app, run, to);
  app.add_option("--shares", rules.shares, "Of the requests, stage by stage")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--stage-requests", rules.stage_requests,
                 "The new version answers so many in a stage, at least")
      ->capture_default_str();
  app.add_option("--stage-ms", rules.stage_time, "A stage lasts at least so long")->type_name("MS");
  app.add_option("--error-rate-max", rules.error_rate_max, "The new version may fail so often")
      ->capture_default_str();
  app.add_option("--error-ratio-max", rules.error_ratio_max, "Or so many times as often as the old")
      ->capture_default_str();
  app.add_option("--latency-percent", rules.latency_percent, "The percentile that is compared")
      ->capture_default_str();
  app.add_option("--latency-ratio-max", rules.latency_ratio_max,
                 "It may be so many times the old version's")
      ->capture_default_str();
}

constexpr const char* operator_footer = R"(Without --socket: the one running pool of this user.
Exit status: 0 done; 1 it has failed, or the pool says no; 3 no running pool was found.)";

// Each is a subcommand; `chosen` is told which.
void add_operators(CLI::App& app, OperatorArguments& to) {
  const auto add = [&](const char* name, const char* does) {
    CLI::App* command = app.add_subcommand(name, does);
    command->footer(operator_footer);
    command->add_option("--socket", to.socket, "The run's socket")->type_name("PATH");
    command->add_flag("--json", to.json, "The answer as one line of JSON");
    command->callback([&to, name] { to.ask = name; });
    return command;
  };
  add("dump", "Show what goes on inside: stacks, requests in hand, queue, timers, last events")
      ->add_option("WORKER", to.worker, "This worker alone")
      ->check(CLI::PositiveNumber);
  add("why", "Say in one sentence why the request at the queue's head waits");
  add("resize", "Keep so many workers from now on")
      ->add_option("SIZE", to.size, "1 to 1024")
      ->required();
  add("drain", "Replace a worker; or, without one, let nobody in and wait until nothing runs")
      ->add_option("WORKER", to.worker, "Replace this one")
      ->check(CLI::PositiveNumber);
  add("pause", "Give no request a worker any more; who comes waits");
  add("resume", "End a pause, or a drain");
  add("roll",
      "Replace all workers: roll [OPTIONS] [-- COMMAND [ARGUMENTS...]]; without a command "
      "by the same program");
}

int run_main(std::vector<std::string> arguments) {
  RunArguments run;
  OperatorArguments operate;
  TopArguments top;
  StatusArguments status;
  // What follows `--` is the worker's; nothing of it is looked at here.
  const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
  const bool has_command = dashes != arguments.end();
  if (has_command) run.command.assign(dashes + 1, arguments.end());
  operate.command = run.command;
  arguments.erase(dashes, arguments.end());

  CLI::App app{"The Ordeal reference pool of worker processes", "ordeal-pool"};
  app.set_version_flag("--version", "ordeal-pool " + std::string(version()));
  app.footer(footer);
  app.require_subcommand(1);
  CLI::App* run_app = app.add_subcommand(
      "run", "Serve JSON lines with a pool of workers: run [OPTIONS] -- COMMAND [ARGUMENTS...]");
  add_run(*run_app, run);
  CLI::App* status_app = app.add_subcommand("status", "Ask a running pool how it is");
  status_app->footer(status_footer);
  status_app->add_option("--socket", status.socket, "The run's socket")->type_name("PATH");
  status_app->add_flag("--json", status.json, "One JSON object a line instead of a table");
  MigrationArguments migration;
  RolloutRules rules;
  CLI::App* shadow_app = app.add_subcommand(
      "shadow", "run, and send a share of the requests to a new version too; compare the answers");
  add_shadow(*shadow_app, run, migration);
  CLI::App* rollout_app = app.add_subcommand(
      "rollout", "run, and let a new version answer more and more, or take it back");
  add_rollout(*rollout_app, run, migration, rules);
  add_operators(app, operate);
  CLI::App* top_app = app.add_subcommand("top", "Watch a running pool live; q or Ctrl-C leaves");
  top_app->add_option("--socket", top.socket, "The run's socket")->type_name("PATH");
  int interval_ms = 1'000;
  top_app->add_option("--interval-ms", interval_ms, "A frame every so often")
      ->check(CLI::Range(50, 60'000))
      ->capture_default_str();
  const CLI::App* errors_app = app.add_subcommand(
      "errors", "Print every error code with what it means, as a Markdown table");

  std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes a vector
  try {
    app.parse(arguments);
    if (shadow_app->parsed() || rollout_app->parsed()) {
      if (rollout_app->parsed()) migration.options.rollout = rules;
      run.migration = migration;
    }
    if (has_command && !run_app->parsed() && !run.migration && operate.ask != "roll")
      throw CLI::ExtrasError({"--"});
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::usage);
  }
  if (errors_app->parsed()) {
    std::cout << describe_errors();
    return static_cast<int>(std::cout.flush() ? ExitCode::ok : ExitCode::input_output);
  }
  if (top_app->parsed()) {
    top.interval = std::chrono::milliseconds{interval_ms};
    return static_cast<int>(top_command(top));
  }
  if (!operate.ask.empty()) return static_cast<int>(operator_command(operate));
  const bool runs = run_app->parsed() || run.migration;
  return static_cast<int>(runs ? run_command(run) : status_command(status));
}

}  // namespace
}  // namespace ordeal::pool::tools

int main(int count, char** words) {
  try {
    return ordeal::pool::tools::run_main({words + 1, words + count});
  } catch (const std::exception& error) {
    std::cerr << "ordeal-pool: " << error.what() << "\n";
    return static_cast<int>(ordeal::pool::tools::ExitCode::input_output);
  }
}
