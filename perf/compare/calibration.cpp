#include "perf/compare/calibration.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>

#include "perf/measurement/json_reader.hpp"
#include "perf/stats/numbers.hpp"

namespace ordeal::perf {
namespace {

// Six digits are more than any clock here has, and halve the file.
double rounded(double value) { return std::stod(fmt::format("{:.6g}", value)); }

void round_all(PairsFile& file) {
  const auto round = [](std::vector<double>& values) {
    for (double& value : values) value = rounded(value);
  };
  for (auto& one : file.cases) {
    for (auto& metric : one.metrics) {
      for (auto& stage : metric.stages) {
        round(stage.old_values);
        round(stage.new_values);
      }
    }
    for (auto& stage : one.conditions) {
      for (auto* runs : {&stage.old_runs, &stage.new_runs}) {
        for (auto& run : *runs) {
          run.duration_s = rounded(run.duration_s);
          for (auto& block : run.control) block.value = rounded(block.value);
        }
      }
    }
  }
}

const MetricPairs* find_metric(const CasePairs& one, const std::string& name) {
  for (const auto& metric : one.metrics) {
    if (metric.metric.name == name) return &metric;
  }
  return nullptr;
}

double middle_of(const CasePairs& one, const std::string& name) {
  const auto* metric = find_metric(one, name);
  return metric == nullptr ? 0 : median(metric->stages.front().old_values);
}

// What a call of the case is to do besides, for a slowdown of `base` by that share.
Attempt<std::string> work_for(const CasePairs& one, const std::string& base, double slowdown) {
  const auto* metric = find_metric(one, base);
  const bool in_us = metric != nullptr && metric->metric.unit.rfind("µs", 0) == 0;
  const bool in_ns = metric != nullptr && metric->metric.unit.rfind("ns", 0) == 0;
  if (!in_us && !in_ns) {
    return tl::unexpected(Error{ErrorKind::value, one.suite + "/" + one.case_name,
                                "has no metric " + base + " in µs or ns a call to be slowed down"});
  }
  const double ns = median(metric->stages.front().old_values) * (in_us ? 1000 : 1);
  return fmt::format("ns={:.1f},allocations={:.4f},system_calls={:.4f}", slowdown * ns,
                     slowdown * middle_of(one, "allocations"),
                     slowdown * middle_of(one, "system_calls"));
}

double cost_ratio(const MetricPairs& metric) {
  const auto& stage = metric.stages.front();
  const double ratio = median(stage.new_values) / median(stage.old_values);
  return metric.metric.better == Better::lower ? ratio : 1 / ratio;
}

}  // namespace

nlohmann::json to_json(const Calibration& calibration) {
  nlohmann::json levels = nlohmann::json::array();
  for (const auto& level : calibration.levels) {
    levels.push_back({{"slowdown", level.slowdown}, {"pairs", to_json(level.pairs)}});
  }
  return {{"schema", calibration_schema}, {"created", calibration.created},
          {"commit", calibration.commit}, {"condition", calibration.condition},
          {"base", calibration.base},     {"fingerprint", to_json(calibration.host)},
          {"seed", calibration.seed},     {"levels", std::move(levels)}};
}

Attempt<Calibration> calibration_from_json(const nlohmann::json& value, const std::string& about) {
  ReadErrors errors{about};
  ObjectReader reader{value, errors};
  Calibration calibration;
  reader.schema(calibration_schema);
  calibration.created = reader.text("created");
  calibration.commit = reader.text("commit");
  calibration.condition = reader.text("condition");
  calibration.base = reader.text("base");
  ObjectReader host = reader.object("fingerprint");
  calibration.host = read_fingerprint(host);
  calibration.seed = static_cast<std::uint64_t>(reader.integer("seed"));
  std::optional<Error> inner;
  reader.objects("levels", [&](ObjectReader& element) {
    CalibrationLevel level{.slowdown = element.number("slowdown")};
    auto pairs = pairs_from_json(element.any("pairs"), element.path_of("pairs"));
    element.end();
    if (pairs) {
      level.pairs = std::move(*pairs);
    } else if (!inner) {
      inner = Error{pairs.error().kind, about, pairs.error().text()};
    }
    calibration.levels.push_back(std::move(level));
  });
  reader.end();
  if (errors.first()) return tl::unexpected(*errors.first());
  if (inner) return tl::unexpected(*inner);
  return calibration;
}

Attempt<std::vector<CalibrationLevel>> calibrate(const CalibrationPlan& plan) {
  std::vector<CalibrationLevel> levels;
  SessionPlan same = plan.session;
  same.second_stage = false;
  same.old_sampler = same.new_sampler = plan.plain;
  auto first = run_session(same);
  if (!first) return tl::unexpected(first.error());
  levels.push_back({0, std::move(first->pairs)});
  for (const double slowdown : plan.slowdowns) {
    if (slowdown == 0) continue;
    CalibrationLevel level{.slowdown = slowdown};
    for (const auto& one : levels.front().pairs.cases) {
      const auto work = work_for(one, plan.base, slowdown);
      if (!work) return tl::unexpected(work.error());
      SessionPlan slowed = same;
      slowed.new_sampler = plan.slow;
      slowed.new_sampler.environment.emplace_back("ORDEAL_SLOW", *work);
      slowed.seed += static_cast<std::uint64_t>(slowdown * 1000);
      slowed.cases = {{.suite = one.suite, .name = one.case_name}};
      auto measured = run_session(slowed);
      if (!measured) return tl::unexpected(measured.error());
      std::move(measured->pairs.cases.begin(), measured->pairs.cases.end(),
                std::back_inserter(level.pairs.cases));
    }
    levels.push_back(std::move(level));
  }
  for (auto& level : levels) round_all(level.pairs);
  return levels;
}

std::vector<CalibrationRow> evaluate(const Calibration& calibration, std::size_t stage_pairs,
                                     std::size_t comparisons, const Rules& rules) {
  std::vector<CalibrationRow> rows;
  for (const auto& level : calibration.levels) {
    const bool same = level.slowdown == 0;
    std::vector<Noise> noise;
    if (same) noise = measure_noise(level.pairs, stage_pairs, rules);
    std::size_t at = 0;
    for (const auto& one : level.pairs.cases) {
      for (const auto& metric : one.metrics) {
        CalibrationRow row{.suite = one.suite,
                           .case_name = one.case_name,
                           .metric = metric.metric,
                           .slowdown = level.slowdown,
                           .ratio = cost_ratio(metric)};
        row.pairs = metric.stages.front().old_values.size();
        row.floor = rules.floor_of(metric.metric.kind);
        row.alarms = count_alarms(metric, row.floor, same, stage_pairs, comparisons, rules);
        if (same) row.detectable = noise[at++].detectable;
        rows.push_back(std::move(row));
      }
    }
  }
  return rows;
}

}  // namespace ordeal::perf
