#include "perf/measurement/measurement.hpp"

#include <fmt/format.h>

#include <set>

#include "perf/measurement/json_reader.hpp"

namespace ordeal::perf {
namespace {

const std::vector<std::string_view> kind_names{"counter", "cpu",        "wall", "percentile",
                                               "memory",  "throughput", "ratio"};
const std::vector<std::string_view> better_names{"lower", "higher"};

void refuse_twice(ObjectReader& reader, std::set<std::string>& names, const std::string& name) {
  if (name.empty()) reader.refuse("name", "is empty");
  if (!names.insert(name).second) reader.refuse("name", fmt::format("\"{}\" is there twice", name));
}

nlohmann::json read_params(ObjectReader& reader) {
  const auto& params = reader.any("params");
  if (!params.is_object()) {
    reader.refuse("params", "must be an object of texts, numbers and truth values");
    return nlohmann::json::object();
  }
  for (const auto& [name, value] : params.items()) {
    if (value.is_primitive() && !value.is_null()) continue;
    reader.refuse("params." + name, "must be a text, a number, true or false");
  }
  return params;
}

void read_measured(ObjectReader& reader, Sample& sample) {
  std::set<std::string> names;
  reader.objects("metrics", [&](ObjectReader& element) {
    MeasuredMetric measured{read_metric(element), element.number("value")};
    refuse_twice(element, names, measured.metric.name);
    element.end();
    sample.metrics.push_back(std::move(measured));
  });
  if (sample.metrics.empty()) reader.refuse("metrics", "is empty");
}

void read_control(ObjectReader& reader, Sample& sample) {
  std::set<std::string> names;
  reader.objects("control", [&](ObjectReader& element) {
    ControlBlock block{element.text("name"), element.number("value")};
    refuse_twice(element, names, block.name);
    if (block.value <= 0) element.refuse("value", fmt::format("is {}; must be > 0", block.value));
    element.end();
    sample.control.push_back(std::move(block));
  });
}

}  // namespace

std::string_view to_string(MetricKind kind) { return kind_names[static_cast<std::size_t>(kind)]; }
std::string_view to_string(Better better) { return better_names[static_cast<std::size_t>(better)]; }

Metric read_metric(ObjectReader& reader) {
  return {.name = reader.text("name"),
          .unit = reader.text("unit"),
          .kind = static_cast<MetricKind>(reader.one_of("kind", kind_names)),
          .better = static_cast<Better>(reader.one_of("better", better_names)),
          .gated = reader.boolean("gated")};
}

nlohmann::json to_json(const Metric& metric) {
  return {{"name", metric.name},
          {"unit", metric.unit},
          {"kind", to_string(metric.kind)},
          {"better", to_string(metric.better)},
          {"gated", metric.gated}};
}

Attempt<Sample> sample_from_json(const nlohmann::json& value, const std::string& about) {
  ReadErrors errors{about};
  ObjectReader reader{value, errors};
  Sample sample;
  reader.schema(sample_schema);
  sample.suite = reader.text("suite");
  sample.case_name = reader.text("case");
  sample.params = read_params(reader);
  read_measured(reader, sample);
  read_control(reader, sample);
  sample.nivcsw = reader.integer("nivcsw");
  if (sample.nivcsw < 0) reader.refuse("nivcsw", "must be >= 0");
  sample.steal_s = reader.number("steal_s");
  sample.duration_s = reader.number("duration_s");
  if (sample.duration_s <= 0) reader.refuse("duration_s", "must be > 0");
  reader.end();
  if (errors.first()) return tl::unexpected(*errors.first());
  return sample;
}

nlohmann::json to_json(const Sample& sample) {
  nlohmann::json metrics = nlohmann::json::array();
  for (const auto& measured : sample.metrics) {
    metrics.push_back(to_json(measured.metric));
    metrics.back()["value"] = measured.value;
  }
  nlohmann::json control = nlohmann::json::array();
  for (const auto& block : sample.control) {
    control.push_back({{"name", block.name}, {"value", block.value}});
  }
  return {{"schema", sample_schema},        {"suite", sample.suite},
          {"case", sample.case_name},       {"params", sample.params},
          {"metrics", std::move(metrics)},  {"control", std::move(control)},
          {"nivcsw", sample.nivcsw},        {"steal_s", sample.steal_s},
          {"duration_s", sample.duration_s}};
}

Attempt<std::vector<Case>> cases_from_json(const nlohmann::json& value, const std::string& about) {
  ReadErrors errors{about};
  ObjectReader reader{value, errors};
  std::vector<Case> cases;
  reader.schema(cases_schema);
  reader.objects("cases", [&](ObjectReader& element) {
    Case one{element.text("suite"), element.text("case"), read_params(element), {}};
    std::set<std::string> names;
    element.objects("metrics", [&](ObjectReader& inner) {
      one.metrics.push_back(read_metric(inner));
      refuse_twice(inner, names, one.metrics.back().name);
      inner.end();
    });
    element.end();
    cases.push_back(std::move(one));
  });
  reader.end();
  if (errors.first()) return tl::unexpected(*errors.first());
  return cases;
}

nlohmann::json to_json(const std::vector<Case>& cases) {
  nlohmann::json all = nlohmann::json::array();
  for (const auto& one : cases) {
    nlohmann::json metrics = nlohmann::json::array();
    for (const auto& metric : one.metrics) metrics.push_back(to_json(metric));
    all.push_back({{"suite", one.suite},
                   {"case", one.name},
                   {"params", one.params},
                   {"metrics", std::move(metrics)}});
  }
  return {{"schema", cases_schema}, {"cases", std::move(all)}};
}

}  // namespace ordeal::perf
