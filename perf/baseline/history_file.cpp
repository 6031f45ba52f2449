#include "perf/baseline/history_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "perf/measurement/json_reader.hpp"
#include "perf/stats/numbers.hpp"

namespace ordeal::perf {
namespace {

nlohmann::json to_json(const Night& night) {
  nlohmann::json points = nlohmann::json::array();
  for (const auto& point : night.points) {
    points.push_back({{"case", point.case_name},
                      {"metric", to_json(point.metric)},
                      {"value", point.value},
                      {"runs", point.runs}});
  }
  return {{"schema", history_schema},   {"created", night.created}, {"commit", night.commit},
          {"dirty", night.dirty},       {"host", night.host_id},    {"suite", night.suite},
          {"points", std::move(points)}};
}

Attempt<Night> night_from_json(const nlohmann::json& value, const std::string& about) {
  ReadErrors errors{about};
  ObjectReader reader{value, errors};
  Night night;
  reader.schema(history_schema);
  night.created = reader.text("created");
  night.commit = reader.text("commit");
  night.dirty = reader.boolean("dirty");
  night.host_id = reader.text("host");
  night.suite = reader.text("suite");
  reader.objects("points", [&](ObjectReader& element) {
    HistoryPoint point{.case_name = element.text("case")};
    ObjectReader metric = element.object("metric");
    point.metric = read_metric(metric);
    metric.end();
    point.value = element.number("value");
    point.runs = static_cast<std::size_t>(element.integer("runs"));
    element.end();
    night.points.push_back(std::move(point));
  });
  reader.end();
  if (errors.first()) return tl::unexpected(*errors.first());
  return night;
}

}  // namespace

std::string history_path(const std::string& store, const std::string& host_id,
                         const std::string& suite) {
  return fmt::format("{}/history/{}/{}.jsonl", store, host_id, suite);
}

std::vector<Night> nights_of(const PairsFile& pairs) {
  std::vector<Night> nights;
  for (const auto& one : pairs.cases) {
    auto night = std::find_if(nights.begin(), nights.end(),
                              [&](const Night& known) { return known.suite == one.suite; });
    if (night == nights.end()) {
      nights.push_back({.suite = one.suite});
      night = nights.end() - 1;
    }
    for (const auto& metric : one.metrics) {
      std::vector<double> values;
      for (const auto& stage : metric.stages) {
        values.insert(values.end(), stage.new_values.begin(), stage.new_values.end());
      }
      night->points.push_back({one.case_name, metric.metric, median(values), values.size()});
    }
  }
  return nights;
}

Attempt<void> append_night(const std::string& path, const Night& night) {
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path{path}.parent_path(), ignored);
  std::ofstream file{path, std::ios::app};
  file << to_json(night).dump() + "\n";
  file.flush();
  if (!file) return tl::unexpected(Error{ErrorKind::file, path, "cannot be appended to"});
  return {};
}

Attempt<std::vector<Night>> read_nights(const std::string& path) {
  std::vector<Night> nights;
  std::ifstream file{path};
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (line.empty()) continue;
    const std::string about = fmt::format("{}:{}", path, number);
    const auto value = parse_json(line, about);
    if (!value) return tl::unexpected(value.error());
    auto night = night_from_json(*value, about);
    if (!night) return tl::unexpected(night.error());
    nights.push_back(std::move(*night));
  }
  return nights;
}

}  // namespace ordeal::perf
