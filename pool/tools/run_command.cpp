#include "pool/tools/run_command.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <optional>
#include <system_error>

#include <fmt/format.h>

#include "ordeal/pool/observe.hpp"
#include "pool/process/file_descriptor.hpp"
#include "pool/process/owner_only.hpp"
#include "pool/tools/alerts.hpp"
#include "pool/tools/migration_report.hpp"
#include "pool/tools/run_loop.hpp"

namespace ordeal::pool::tools {
namespace {

void complain(const std::string& message) { fmt::print(stderr, "ordeal-pool: {}\n", message); }

ExitCode print_config(const Options& options) {
  const std::string text = to_toml(options);
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  return written && std::fflush(stdout) == 0 ? ExitCode::ok : ExitCode::input_output;
}

// "-" is the standard stream `standard`, which nobody here closes.
bool open_stream(const std::string& path, int flags, int standard, process::FileDescriptor& opened,
                 int& descriptor) {
  descriptor = standard;
  if (path == "-") return true;
  opened.reset(::open(path.c_str(), flags | O_CLOEXEC | O_NOCTTY, 0600));
  const bool is_written = (flags & O_ACCMODE) != O_RDONLY;  // with results: the owner's alone
  if (opened && is_written && !process::make_owner_only(opened.get())) opened.reset();
  descriptor = opened.get();
  if (!opened) complain(fmt::format("{}: {}", path, std::generic_category().message(errno)));
  return static_cast<bool>(opened);
}

Result<StatusServer> open_server(const std::string& path) {
  if (!path.empty()) {
    return ListeningSocket::open(path).map(
        [](ListeningSocket socket) { return StatusServer{std::move(socket)}; });
  }
  auto socket = ListeningSocket::open_default();
  if (socket) return StatusServer{std::move(*socket)};
  // Nobody asked for it: the run is more important.
  complain(fmt::format("{}; `status` will not find this run", socket.error().message));
  return StatusServer{};
}

Result<std::unique_ptr<MetricsEndpoint>> open_metrics(const RunArguments& arguments,
                                                      const Options& options) {
  using Reach = MetricsServer::Reach;
  const Reach reach = arguments.metrics_public ? Reach::anywhere : Reach::loopback;
  return MetricsEndpoint::open(arguments.metrics, reach, options.name);
}

// What watches the run: its sinks go into `setup`. Empty: all is well.
struct Watchers {
  std::optional<Reporter> reporter;
  std::unique_ptr<MetricsEndpoint> metrics;
};

std::optional<ExitCode> open_watchers(const RunArguments& arguments, const AlertRules& rules,
                                      RunSetup& setup, Watchers& watchers) {
  const auto give_up = [](const Error& error, ExitCode code) {
    complain(error.message);
    return code;
  };
  if (!arguments.events_file.empty()) {
    auto sink = json_lines_sink(arguments.events_file);
    if (!sink) return give_up(sink.error(), ExitCode::input_output);
    setup.sinks.push_back(std::move(*sink));
  }
  auto destinations = alert_destinations(arguments);
  if (!destinations) return give_up(destinations.error(), ExitCode::input_output);
  if (!destinations->empty()) {
    auto reporter = Reporter::start(rules, std::move(*destinations));
    if (!reporter) return give_up(reporter.error(), ExitCode::usage);
    watchers.reporter.emplace(std::move(*reporter));
    setup.sinks.push_back(watchers.reporter->sink());
  }
  if (!arguments.metrics.empty()) {
    auto metrics = open_metrics(arguments, setup.options);
    if (!metrics) return give_up(metrics.error(), ExitCode::usage);
    watchers.metrics = std::move(*metrics);
    setup.sinks.push_back(watchers.metrics->sink());
  }
  return std::nullopt;
}

}  // namespace

ExitCode run_command(const RunArguments& arguments) {
  RunSetup setup;
  auto options = pool_options(arguments);
  if (!options) {
    complain(options.error().message);
    return ExitCode::usage;
  }
  if (arguments.print_config) return print_config(*options);
  const auto in_flight_max = requests_in_flight_max(arguments, *options);
  if (!in_flight_max) {
    complain(in_flight_max.error().message);
    return ExitCode::usage;
  }
  if (arguments.migration) {
    auto migration = migration_options(*arguments.migration);
    if (!migration) {
      complain(migration.error().message);
      return ExitCode::usage;
    }
    setup.migration = std::move(*migration);
  }
  setup.options = std::move(*options);
  setup.in_flight_max = *in_flight_max;
  const auto rules = alert_rules(arguments);
  if (!rules) {
    complain(rules.error().message);
    return ExitCode::usage;
  }

  const StopSignals signals;  // before any thread
  process::FileDescriptor input;
  process::FileDescriptor output;
  if (!open_stream(arguments.input, O_RDONLY, STDIN_FILENO, input, setup.input) ||
      !open_stream(arguments.output, O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO, output,
                   setup.output)) {
    return ExitCode::input_output;
  }
  process::FileDescriptor report;
  if (arguments.migration && !arguments.migration->report_file.empty()) {
    int descriptor = -1;
    if (!open_stream(arguments.migration->report_file, O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO,
                     report, descriptor)) {
      return ExitCode::input_output;
    }
    setup.on_migration_over = [descriptor](const MigrationReport& shown) {
      const std::string text = migration_json(shown);
      if (::dprintf(descriptor, "%s", text.c_str()) < 0)
        complain("the report could not be written");
    };
  }
  Watchers watchers;
  if (const auto failed = open_watchers(arguments, *rules, setup, watchers)) return *failed;
  auto server = open_server(arguments.socket);
  if (!server) {
    complain(server.error().message);
    return ExitCode::input_output;
  }
  const ExitCode code =
      RunLoop{std::move(setup), signals, std::move(*server), std::move(watchers.metrics)}.run();
  if (watchers.reporter) {
    for (const std::string& missed : close_alerts(*watchers.reporter)) complain(missed);
  }
  return code;
}

}  // namespace ordeal::pool::tools
