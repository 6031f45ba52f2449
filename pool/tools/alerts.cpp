#include "pool/tools/alerts.hpp"

#include <utility>

#include <fmt/format.h>

namespace ordeal::pool::tools {

Result<AlertRules> alert_rules(const RunArguments& arguments) {
  const auto refuse = [](const std::string& message) {
    return tl::unexpected(make_error(ErrorCode::invalid_option, "--alert-rule: " + message));
  };
  if (!arguments.alert_rules.empty() && arguments.alerts_file.empty() &&
      arguments.alert_command.empty()) {
    return refuse("needs --alerts or --alert-command");
  }
  AlertRules rules;
  for (const std::string& setting : arguments.alert_rules) {
    const std::size_t equals = setting.find('=');
    if (equals == std::string::npos) return refuse(setting + ": write --alert-rule name=value");
    auto done = rules.set(setting.substr(0, equals), setting.substr(equals + 1));
    if (!done) return refuse(done.error().message);
  }
  if (auto valid = rules.validate(); !valid) return refuse(valid.error().message);
  return rules;
}

Result<std::vector<AlertDestination>> alert_destinations(const RunArguments& arguments) {
  std::vector<AlertDestination> destinations;
  if (!arguments.alerts_file.empty()) {
    auto lines = alert_lines(arguments.alerts_file);
    if (!lines) return tl::unexpected(std::move(lines.error()));
    destinations.push_back(std::move(*lines));
  }
  if (!arguments.alert_command.empty()) {
    auto command = alert_command({"/bin/sh", "-c", arguments.alert_command});
    if (!command) return tl::unexpected(std::move(command.error()));
    command->name = "command";
    destinations.push_back(std::move(*command));
  }
  return destinations;
}

std::vector<std::string> close_alerts(Reporter& reporter) {
  reporter.close(Reporter::close_patience);
  std::vector<std::string> complaints;
  for (const auto& destination : reporter.stats().destinations) {
    if (destination.failed + destination.dropped == 0) continue;
    std::string complaint =
        fmt::format("alerts to {}: {} delivered, {} failed, {} dropped", destination.name,
                    destination.delivered, destination.failed, destination.dropped);
    if (destination.failed > 0)
      complaint += fmt::format("; the last: {}", destination.last_failure);
    complaints.push_back(std::move(complaint));
  }
  return complaints;
}

}  // namespace ordeal::pool::tools
