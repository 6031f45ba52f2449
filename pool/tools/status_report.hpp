// What `ordeal-pool status` shows: the JSON that a run answers with, and the table made of it.
// Pure.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "ordeal/pool/options.hpp"
#include "ordeal/pool/status.hpp"
#include "pool/tools/progress.hpp"

namespace ordeal::pool::tools {

struct RunReport {
  int pid = 0;
  std::string_view stage;  // starting, running, draining, killed
  Counts counts;
  std::chrono::nanoseconds elapsed{};
  // Of the last requests that were answered, from submit to reply.
  std::chrono::nanoseconds latency_p50{};
  std::chrono::nanoseconds latency_p90{};
  std::chrono::nanoseconds latency_p99{};
};

// One line, with its line break. Holds the workers' command line, so it is for the owner alone.
[[nodiscard]] std::string report_json(const RunReport& run, const Options& options,
                                      const Status& status);

// The table. Errors: invalid_arguments if `json` is not such a report.
[[nodiscard]] Result<std::string> report_table(std::string_view json);
// One line of a list of several runs.
[[nodiscard]] Result<std::string> report_headline(std::string_view json);

}  // namespace ordeal::pool::tools
