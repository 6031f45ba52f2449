// Alerts as text, and the destinations that are only that: log and JSON lines.
#include <array>
#include <utility>

#include <spdlog/logger.h>
#include <nlohmann/json.hpp>

#include "ordeal/pool/reporter.hpp"
#include "pool/observe/line_file.hpp"

namespace ordeal::pool {

std::string_view to_string(AlertKind kind) {
  static constexpr std::array<std::string_view, alert_kind_count> names{
      "error_rate_warning", "error_rate_critical", "circuit_opened", "circuits_open", "test"};
  return names.at(static_cast<std::size_t>(kind));
}

std::string_view level_of(const Alert& alert) {
  if (alert.recovered) return "recovered";
  if (alert.kind == AlertKind::test) return "test";
  const bool critical = alert.kind == AlertKind::error_rate_critical ||
                        alert.kind == AlertKind::circuits_open || alert.circuit == "start";
  return critical ? "critical" : "warning";
}

std::string to_json_line(const Alert& alert, std::chrono::system_clock::time_point time) {
  nlohmann::ordered_json line;
  line["time"] = observe::utc(time);
  line["at_ns"] = std::chrono::nanoseconds{alert.at.time_since_epoch()}.count();
  line["alert"] = to_string(alert.kind);
  line["level"] = level_of(alert);
  if (!alert.circuit.empty()) line["circuit"] = alert.circuit;
  line["requests"] = alert.requests;
  line["errors"] = alert.errors;
  line["circuits"] = alert.circuits;
  line["message"] = alert.message;
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

AlertDestination alert_log(std::shared_ptr<spdlog::logger> logger) {
  return {"log", [logger = std::move(logger)](const Alert& alert) {
            const std::string_view name = level_of(alert);
            const auto level = name == "critical"  ? spdlog::level::critical
                               : name == "warning" ? spdlog::level::warn
                                                   : spdlog::level::info;
            logger->log(level, "{} {}: {}", to_string(alert.kind), name, alert.message);
          }};
}

Result<AlertDestination> alert_lines(const std::string& path) {
  auto file = observe::LineFile::open("alerts file", path);
  if (!file) return tl::unexpected(std::move(file.error()));
  auto lines = std::make_shared<observe::LineFile>(std::move(*file));
  return AlertDestination{"json_lines", [lines](const Alert& alert) {
                            lines->append(to_json_line(alert, observe::wall_time(alert.at)));
                          }};
}

}  // namespace ordeal::pool
