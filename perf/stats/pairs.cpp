#include "perf/stats/pairs.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <set>

#include "perf/measurement/json_reader.hpp"

namespace ordeal::perf {
namespace {

using nlohmann::json;

StageValues read_sides(ObjectReader& reader) {
  StageValues values{reader.numbers("old"), reader.numbers("new")};
  if (values.old_values.size() != values.new_values.size()) {
    reader.refuse("new", fmt::format("has {} values, \"old\" has {}; a pair needs one of each",
                                     values.new_values.size(), values.old_values.size()));
  } else if (values.old_values.empty()) {
    reader.refuse("old", "is empty; at least one pair is needed");
  }
  return values;
}

// The logs that judging takes are defined for positive values only.
void check_range(ObjectReader& reader, const MetricPairs& metric, const StageValues& values) {
  const bool may_be_zero =
      metric.metric.kind == MetricKind::counter && metric.metric.better == Better::lower;
  const auto check = [&](const char* side, const std::vector<double>& all) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i] > 0 || (may_be_zero && all[i] == 0)) continue;
      reader.refuse(fmt::format("{}[{}]", side, i),
                    fmt::format("is {}; a {} must be {} 0", all[i], to_string(metric.metric.kind),
                                may_be_zero ? ">=" : ">"));
    }
  };
  check("old", values.old_values);
  check("new", values.new_values);
}

std::optional<double> read_floor(ObjectReader& reader) {
  if (!reader.has("floor")) return std::nullopt;
  const double floor = reader.number("floor");
  if (floor < 0 || floor >= 1) {
    reader.refuse("floor", fmt::format("is {}; allowed: a share from 0 to below 1", floor));
  }
  return floor;
}

MetricPairs read_metric_pairs(ObjectReader& reader) {
  MetricPairs metric;
  metric.metric = read_metric(reader);
  metric.floor = read_floor(reader);
  metric.informational = reader.has("informational") && reader.boolean("informational");
  reader.objects("stages", [&](ObjectReader& stage) {
    metric.stages.push_back(read_sides(stage));
    check_range(stage, metric, metric.stages.back());
    stage.end();
  });
  if (metric.stages.empty() || metric.stages.size() > stages_max) {
    reader.refuse("stages", fmt::format("has {}; allowed: 1 or 2", metric.stages.size()));
  }
  reader.end();
  return metric;
}

// Sets a member of each run of both sides.
void spread(ObjectReader& reader, StageConditions& stage,
            const std::function<void(RunConditions&, double)>& set) {
  const StageValues values = read_sides(reader);
  reader.end();
  if (values.old_values.size() != stage.old_runs.size() ||
      values.new_values.size() != stage.new_runs.size()) {
    reader.refuse("old", fmt::format("has {} values; the stage has {} pairs",
                                     values.old_values.size(), stage.old_runs.size()));
    return;
  }
  for (std::size_t i = 0; i < values.old_values.size(); ++i) {
    set(stage.old_runs[i], values.old_values[i]);
    set(stage.new_runs[i], values.new_values[i]);
  }
}

void read_control_block(ObjectReader& reader, StageConditions& stage, const std::string& name) {
  spread(reader, stage, [&](RunConditions& run, double value) {
    if (value <= 0) reader.refuse(name, fmt::format("is {}; a control must be > 0", value));
    run.control.push_back({name, value});
  });
}

StageConditions read_conditions(ObjectReader& reader, std::size_t pairs) {
  StageConditions stage;
  stage.old_runs.resize(pairs);
  stage.new_runs.resize(pairs);
  stage.order = reader.text("order");
  if (!stage.order.empty() &&
      (stage.order.size() != pairs || stage.order.find_first_not_of("AB") != std::string::npos)) {
    reader.refuse("order", fmt::format("must be {} letters, A or B, or empty", pairs));
  }
  reader.objects("control", [&](ObjectReader& block) {
    const std::string name = block.text("name");
    read_control_block(block, stage, name);
  });
  const auto member = [&](const char* name, double RunConditions::*field) {
    ObjectReader sides = reader.object(name);
    spread(sides, stage, [&](RunConditions& run, double value) { run.*field = value; });
  };
  member("nivcsw", &RunConditions::nivcsw);
  member("steal_s", &RunConditions::steal_s);
  member("duration_s", &RunConditions::duration_s);
  reader.end();
  return stage;
}

void check_counts(ObjectReader& reader, const CasePairs& one) {
  const auto& first = one.metrics.front();
  for (const auto& metric : one.metrics) {
    bool same = metric.stages.size() == first.stages.size();
    for (std::size_t i = 0; same && i < metric.stages.size(); ++i) {
      same = metric.stages[i].old_values.size() == first.stages[i].old_values.size();
    }
    if (same) continue;
    reader.refuse("metrics", fmt::format("\"{}\" has other stages or pairs than \"{}\"",
                                         metric.metric.name, first.metric.name));
  }
}

CasePairs read_case(ObjectReader& reader) {
  CasePairs one{.suite = reader.text("suite"), .case_name = reader.text("case")};
  one.params = reader.any("params");
  std::set<std::string> names;
  reader.objects("metrics", [&](ObjectReader& element) {
    one.metrics.push_back(read_metric_pairs(element));
    const std::string& name = one.metrics.back().metric.name;
    if (!names.insert(name).second)
      element.refuse("name", fmt::format("\"{}\" is there twice", name));
  });
  if (one.metrics.empty()) {
    reader.refuse("metrics", "is empty");
    return one;
  }
  check_counts(reader, one);
  if (reader.has("conditions")) {
    const auto& stages = one.metrics.front().stages;
    reader.objects("conditions", [&](ObjectReader& element) {
      const std::size_t i = one.conditions.size();
      const std::size_t pairs = i < stages.size() ? stages[i].old_values.size() : 0;
      one.conditions.push_back(read_conditions(element, pairs));
    });
    if (one.conditions.size() != stages.size()) {
      reader.refuse("conditions", fmt::format("has {}, the metrics have {} stages",
                                              one.conditions.size(), stages.size()));
    }
  }
  reader.end();
  return one;
}

// The short form in the long one's words.
json written_out(const json& value, const std::string& about) {
  const auto take = [&](const char* member, json standard) {
    return value.contains(member) ? value.at(member) : std::move(standard);
  };
  json metric = {{"name", take("name", std::filesystem::path{about}.stem().string())},
                 {"unit", take("unit", "")},
                 {"kind", take("kind", "wall")},
                 {"better", take("better", "lower")},
                 {"gated", true}};
  if (value.contains("floor")) metric["floor"] = value.at("floor");
  return metric;
}

CasePairs read_short_form(ObjectReader& reader, const std::string& about, ReadErrors& errors) {
  for (const char* member : {"name", "unit", "kind", "better", "floor"}) (void)reader.has(member);
  const json named = written_out(reader.value(), about);
  ObjectReader metric_reader{named, errors};
  MetricPairs metric;
  metric.metric = read_metric(metric_reader);
  metric.floor = read_floor(metric_reader);
  metric.stages.push_back(read_sides(reader));
  check_range(reader, metric, metric.stages.back());
  if (reader.has("second")) {
    ObjectReader second = reader.object("second");
    metric.stages.push_back(read_sides(second));
    check_range(second, metric, metric.stages.back());
    second.end();
  }
  CasePairs one{.suite = "foreign", .case_name = metric.metric.name};
  if (reader.has("control")) {
    if (metric.stages.size() > 1) {
      reader.refuse("control", "beside \"second\" is ambiguous; use the long form's conditions");
    }
    StageConditions stage;
    stage.old_runs.resize(metric.stages.front().old_values.size());
    stage.new_runs = stage.old_runs;
    ObjectReader control = reader.object("control");
    read_control_block(control, stage, "control");
    one.conditions.push_back(std::move(stage));
  }
  one.metrics.push_back(std::move(metric));
  reader.end();
  return one;
}

json sides(const std::vector<double>& old_values, const std::vector<double>& new_values) {
  return {{"old", old_values}, {"new", new_values}};
}

json to_json(const StageConditions& stage) {
  const auto of = [&](const auto& field) {
    std::vector<double> old_values;
    std::vector<double> new_values;
    for (const auto& run : stage.old_runs) old_values.push_back(field(run));
    for (const auto& run : stage.new_runs) new_values.push_back(field(run));
    return sides(old_values, new_values);
  };
  json control = json::array();
  const std::size_t blocks = stage.old_runs.empty() ? 0 : stage.old_runs.front().control.size();
  for (std::size_t i = 0; i < blocks; ++i) {
    control.push_back(of([i](const RunConditions& run) { return run.control[i].value; }));
    control.back()["name"] = stage.old_runs.front().control[i].name;
  }
  return {{"order", stage.order},
          {"control", std::move(control)},
          {"nivcsw", of([](const RunConditions& run) { return run.nivcsw; })},
          {"steal_s", of([](const RunConditions& run) { return run.steal_s; })},
          {"duration_s", of([](const RunConditions& run) { return run.duration_s; })}};
}

json to_json(const MetricPairs& metric) {
  json value = to_json(metric.metric);
  if (metric.floor) value["floor"] = *metric.floor;
  if (metric.informational) value["informational"] = true;
  value["stages"] = json::array();
  for (const auto& stage : metric.stages) {
    value["stages"].push_back(sides(stage.old_values, stage.new_values));
  }
  return value;
}

}  // namespace

Attempt<PairsFile> pairs_from_json(const json& value, const std::string& about) {
  ReadErrors errors{about};
  ObjectReader reader{value, errors};
  PairsFile file;
  reader.schema(pairs_schema);
  if (value.is_object() && value.contains("cases")) {
    if (reader.has("provenance")) file.provenance = reader.any("provenance");
    reader.objects("cases", [&](ObjectReader& one) { file.cases.push_back(read_case(one)); });
    if (file.cases.empty()) reader.refuse("cases", "is empty");
    reader.end();
  } else {
    file.cases.push_back(read_short_form(reader, about, errors));
  }
  if (errors.first()) return tl::unexpected(*errors.first());
  return file;
}

json to_json(const PairsFile& file) {
  json cases = json::array();
  for (const auto& one : file.cases) {
    json metrics = json::array();
    for (const auto& metric : one.metrics) metrics.push_back(to_json(metric));
    cases.push_back({{"suite", one.suite},
                     {"case", one.case_name},
                     {"params", one.params},
                     {"metrics", std::move(metrics)}});
    if (one.conditions.empty()) continue;
    json& conditions = cases.back()["conditions"] = json::array();
    for (const auto& stage : one.conditions) conditions.push_back(to_json(stage));
  }
  return {{"schema", pairs_schema}, {"provenance", file.provenance}, {"cases", std::move(cases)}};
}

RunConditions conditions_of(const Sample& sample) {
  return {.control = sample.control,
          .nivcsw = static_cast<double>(sample.nivcsw),
          .steal_s = sample.steal_s,
          .duration_s = sample.duration_s};
}

}  // namespace ordeal::perf
