#include "pool/tools/alerts.hpp"

#include <utility>

#include <fmt/format.h>

namespace ordeal::pool::tools {

Result<AlertRules> alert_rules(const RunArguments& arguments) {
  const auto refuse = [](const std::string& message) {
    return tl::unexpected(make_error(ErrorCode::invalid_option, "--alert-rule: " + message));
  };
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
  return destinations;
}

std::vector<std::string> close_alerts(Reporter& reporter) {
  reporter.close(Reporter::close_patience);
  std::vector<std::string> complaints;
  for (const auto& destination : reporter.stats().destinations) {
    if (destination.failed + destination.dropped == 0) continue;
    complaints.push_back(fmt::format("alerts to {}: {} delivered, {} failed, {} dropped",
                                     destination.name, destination.delivered, destination.failed,
                                     destination.dropped));
  }
  return complaints;
}

}  // namespace ordeal::pool::tools
