#include "perf/stats/noise.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "perf/measurement/json_reader.hpp"
#include "perf/stats/numbers.hpp"
#include "perf/stats/power.hpp"
#include "perf/stats/verdict.hpp"

namespace ordeal::perf {
namespace {

constexpr std::size_t block_pairs = 10;
constexpr std::size_t floor_trials = 100;
constexpr double floor_step = 0.01;
constexpr double floor_max = 0.25;

LogPairs all_logs(const MetricPairs& metric) {
  LogPairs all;
  for (std::size_t s = 0; s < metric.stages.size(); ++s) {
    const auto stage =
        log_costs(metric, s, std::vector<bool>(metric.stages[s].old_values.size(), true));
    all.old_logs.insert(all.old_logs.end(), stage.old_logs.begin(), stage.old_logs.end());
    all.new_logs.insert(all.new_logs.end(), stage.new_logs.begin(), stage.new_logs.end());
  }
  return all;
}

std::vector<double> log_ratios(const LogPairs& all) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < all.old_logs.size(); ++i) {
    const bool same = all.old_logs[i] == all.new_logs[i];
    ratios.push_back(same ? 0 : all.new_logs[i] - all.old_logs[i]);
  }
  return ratios;
}

// The first `count` places are a draw without repetition.
void shuffle_front(std::vector<std::size_t>& places, std::size_t count, std::mt19937_64& random) {
  for (std::size_t i = 0; i < count; ++i) {
    std::swap(places[i], places[i + draw_below(random, places.size() - i)]);
  }
}

double median_p99(const std::vector<double>& ratios, std::mt19937_64& random) {
  std::vector<std::size_t> places(ratios.size());
  std::iota(places.begin(), places.end(), std::size_t{0});
  const std::size_t size = std::min(block_pairs, ratios.size());
  std::vector<double> medians;
  for (int i = 0; i < 500; ++i) {
    shuffle_front(places, size, random);
    std::vector<double> block;
    for (std::size_t k = 0; k < size; ++k) {
      block.push_back(ratios[places[k]] * (draw_below(random, 2) == 0 ? 1 : -1));
    }
    medians.push_back(std::abs(median(std::move(block))));
  }
  return std::expm1(quantile(medians, 0.99));
}

double slot_bias(const CasePairs& one, const std::vector<double>& ratios) {
  std::string order;
  for (const auto& stage : one.conditions) order += stage.order;
  if (order.size() != ratios.size()) return 0;
  std::vector<double> second_over_first;
  for (std::size_t i = 0; i < ratios.size(); ++i) {
    second_over_first.push_back(order[i] == 'A' ? ratios[i] : -ratios[i]);
  }
  return std::expm1(median(std::move(second_over_first)));
}

double quiet_floor(const MetricPairs& metric, std::size_t stage_pairs, const Rules& rules) {
  double floor = metric.floor.value_or(rules.floor_of(metric.metric.kind));
  while (floor < floor_max) {
    const auto alarms = count_alarms(metric, floor, true, stage_pairs, floor_trials, rules);
    if (alarms.regressions + alarms.improvements == 0) break;
    floor += floor_step;
  }
  return floor;
}

// Two stages drawn from all pairs, as a file of its own.
PairsFile drawn(const std::vector<std::pair<double, double>>& pairs, const MetricPairs& metric,
                double floor, bool same, std::size_t stage_pairs, std::vector<std::size_t>& places,
                std::mt19937_64& random) {
  shuffle_front(places, 2 * stage_pairs, random);
  MetricPairs copy{.metric = metric.metric, .floor = floor};
  for (std::size_t s = 0; s < 2; ++s) {
    StageValues stage;
    for (std::size_t i = s * stage_pairs; i < (s + 1) * stage_pairs; ++i) {
      auto [old_value, new_value] = pairs[places[i]];
      if (same && draw_below(random, 2) == 0) std::swap(old_value, new_value);
      stage.old_values.push_back(old_value);
      stage.new_values.push_back(new_value);
    }
    copy.stages.push_back(std::move(stage));
  }
  CasePairs one{.suite = "drawn", .case_name = "drawn"};
  one.metrics.push_back(std::move(copy));
  PairsFile file;
  file.cases.push_back(std::move(one));
  return file;
}

}  // namespace

AlarmCount count_alarms(const MetricPairs& metric, double floor, bool same, std::size_t stage_pairs,
                        std::size_t count, const Rules& rules) {
  std::vector<std::pair<double, double>> pairs;
  for (const auto& stage : metric.stages) {
    for (std::size_t i = 0; i < stage.old_values.size(); ++i) {
      pairs.emplace_back(stage.old_values[i], stage.new_values[i]);
    }
  }
  stage_pairs = std::min(stage_pairs, pairs.size() / 2);
  AlarmCount alarms;
  if (stage_pairs == 0) return alarms;
  std::vector<std::size_t> places(pairs.size());
  std::iota(places.begin(), places.end(), std::size_t{0});
  std::mt19937_64 random{rules.seed};
  Rules quick = rules;
  quick.resamples = 0;
  for (; alarms.comparisons < count; ++alarms.comparisons) {
    const auto file = drawn(pairs, metric, floor, same, stage_pairs, places, random);
    const auto kind = judge(file, quick).front().kind;
    alarms.regressions += kind == VerdictKind::regression ? 1U : 0U;
    alarms.improvements += kind == VerdictKind::improvement ? 1U : 0U;
    alarms.suspects += kind == VerdictKind::suspect ? 1U : 0U;
  }
  return alarms;
}

std::vector<Noise> measure_noise(const PairsFile& same, std::size_t stage_pairs,
                                 const Rules& rules) {
  std::vector<Noise> all;
  for (const auto& one : same.cases) {
    for (const auto& metric : one.metrics) {
      const LogPairs logs = all_logs(metric);
      const auto ratios = log_ratios(logs);
      std::mt19937_64 random{rules.seed};
      Noise noise{.suite = one.suite, .case_name = one.case_name, .metric = metric.metric.name};
      noise.pairs = ratios.size();
      noise.mad = scaled_mad(ratios);
      noise.median_p99 = median_p99(ratios, random);
      noise.slot_bias = slot_bias(one, ratios);
      noise.floor = quiet_floor(metric, stage_pairs, rules);
      // As if two stages of so many pairs had been measured.
      LogPairs stage;
      for (std::size_t i = 0; i < stage_pairs; ++i) {
        stage.old_logs.push_back(logs.old_logs[i % logs.old_logs.size()]);
        stage.new_logs.push_back(logs.new_logs[i % logs.new_logs.size()]);
      }
      noise.detectable = smallest_detectable({stage, stage}, noise.floor, rules.alpha, rules);
      const bool finite = std::all_of(ratios.begin(), ratios.end(),
                                      [](double ratio) { return std::isfinite(ratio); });
      if (!finite) noise.mad = noise.median_p99 = 0;
      // A counter with zeros is not judged by its noise.
      const bool counter = metric.metric.kind == MetricKind::counter;
      noise.informational = noise.detectable ? *noise.detectable > rules.detectable_max : !counter;
      all.push_back(std::move(noise));
    }
  }
  return all;
}

nlohmann::json to_json(const std::vector<Noise>& noise) {
  nlohmann::json all = nlohmann::json::array();
  for (const auto& one : noise) {
    all.push_back({{"suite", one.suite},
                   {"case", one.case_name},
                   {"metric", one.metric},
                   {"pairs", one.pairs},
                   {"mad", one.mad},
                   {"median_p99", one.median_p99},
                   {"slot_bias", one.slot_bias},
                   {"floor", one.floor},
                   {"detectable", nullptr},
                   {"informational", one.informational}});
    if (one.detectable) all.back()["detectable"] = *one.detectable;
  }
  return all;
}

std::vector<Noise> read_noise(ObjectReader& reader, const char* member) {
  std::vector<Noise> all;
  reader.objects(member, [&](ObjectReader& element) {
    Noise noise{.suite = element.text("suite"),
                .case_name = element.text("case"),
                .metric = element.text("metric"),
                .pairs = static_cast<std::size_t>(element.integer("pairs")),
                .mad = element.number("mad"),
                .median_p99 = element.number("median_p99"),
                .slot_bias = element.number("slot_bias"),
                .floor = element.number("floor")};
    if (element.has("detectable")) noise.detectable = element.number("detectable");
    noise.informational = element.boolean("informational");
    element.end();
    all.push_back(std::move(noise));
  });
  return all;
}

}  // namespace ordeal::perf
