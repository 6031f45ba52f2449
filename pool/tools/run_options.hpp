// What `ordeal-pool run` was asked for, and what the pool gets of it.
//
// Who wins: the defaults, then --config, then --set, then --workers, --record and the command after
// `--`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ordeal/pool/migration.hpp"
#include "ordeal/pool/options.hpp"

namespace ordeal::pool::tools {

// `ordeal-pool shadow` and `rollout`.
struct MigrationArguments {
  std::string to;  // the new version's command: words between blanks, or a TOML list
  MigrationOptions options;
  std::string report_file;
};

struct RunArguments {
  std::string config_file;
  std::vector<std::string> settings;  // "name=value"
  std::string workers;                // empty: not given, as all below
  std::string record_file;
  std::vector<std::string> command;
  std::string input = "-";
  std::string output = "-";
  std::string events_file;
  std::string alerts_file;
  std::string alert_command;             // for /bin/sh
  std::vector<std::string> alert_rules;  // "name=value"
  std::string socket;
  std::string metrics;            // HOST:PORT
  bool metrics_public = false;    // the host need not be loopback
  std::uint32_t concurrency = 0;  // 0: twice the workers, at most queue_max
  bool print_config = false;
  std::optional<MigrationArguments> migration;
};

// Reads the file and applies the rest. Errors: invalid_option or not_built_yet, with the file's
// name and line where it is a file's; also if the file cannot be read.
[[nodiscard]] Result<Options> pool_options(const RunArguments& arguments);

// What Migration::start gets. Errors: invalid_option.
[[nodiscard]] Result<MigrationOptions> migration_options(const MigrationArguments& arguments);

// How many requests may be with the pool at once. Never more than queue_max, so that none is ever
// refused with queue_full, even while no worker is alive. Errors: invalid_option.
[[nodiscard]] Result<std::uint32_t> requests_in_flight_max(const RunArguments& arguments,
                                                           const Options& options);

}  // namespace ordeal::pool::tools
