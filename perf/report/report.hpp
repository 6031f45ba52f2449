// A run as one HTML page that needs nothing else, and as Markdown for a pull request.
//
// Both show; neither judges. What was slower is said by ordeal-perf compare.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "perf/measurement/error.hpp"

namespace ordeal::perf {

// A metric over the nights.
struct HistorySeries {
  std::string suite;
  std::string case_name;
  std::string metric;
  std::string unit;
  std::vector<double> values;
  std::vector<std::string> commits;
  struct Level {
    std::size_t first = 0;
    std::size_t count = 0;
    double median = 0;
  };
  std::vector<Level> levels;  // between them, change points
};

// Errors: file, json, schema.
[[nodiscard]] Attempt<nlohmann::json> read_run(const std::string& path);

// `baseline` is another run, or null.
[[nodiscard]] std::string html_page(const nlohmann::json& run, const nlohmann::json& baseline,
                                    const std::vector<HistorySeries>& history);
[[nodiscard]] std::string markdown_summary(const nlohmann::json& run,
                                           const nlohmann::json& baseline);

}  // namespace ordeal::perf
