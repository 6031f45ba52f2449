// The rule, on the pairs that were recorded for it (perf/calibration): real processes, and real
// work compiled in. What takes its power away, or makes it cry wolf, fails here.
#include "perf/compare/calibration.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "perf/measurement/json_reader.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::perf {
namespace {

constexpr std::size_t stage_pairs = 20;
constexpr std::size_t comparisons = 300;

std::vector<std::string> recorded_files() {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator{ORDEAL_CALIBRATIONS}) {
    if (entry.path().extension() == ".json") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

// Of each recorded level with that slowdown, each metric for which `wanted(case, metric)` says yes.
template <typename Wanted, typename Check>
void for_metrics(double slowdown, const Wanted& wanted, const Check& check) {
  std::size_t checked = 0;
  for (const std::string& path : recorded_files()) {
    const auto value = read_json_file(path);
    ASSERT_TRUE(value) << value.error().text();
    const auto calibration = calibration_from_json(*value, path);
    ASSERT_TRUE(calibration) << calibration.error().text();
    for (const auto& level : calibration->levels) {
      if (level.slowdown != slowdown) continue;
      for (const auto& one : level.pairs.cases) {
        for (const auto& metric : one.metrics) {
          if (!wanted(one.case_name, metric)) continue;
          SCOPED_TRACE(path + " " + one.case_name + " " + metric.metric.name);
          ASSERT_GE(metric.stages.front().old_values.size(), 60U);
          check(metric);
          ++checked;
        }
      }
    }
  }
  EXPECT_GT(checked, 0U);
}

AlarmCount alarms_of(const MetricPairs& metric, bool same) {
  Rules rules;
  rules.resamples = 0;
  return count_alarms(metric, rules.floor_of(metric.metric.kind), same, stage_pairs, comparisons,
                      rules);
}

TEST(RecordedPairs, OfOneBinaryGiveNoAlarmIn300Comparisons) {
  cites(55);
  for_metrics(
      0, [](const std::string&, const MetricPairs&) { return true; },
      [](const MetricPairs& metric) {
        const AlarmCount alarms = alarms_of(metric, true);
        EXPECT_EQ(alarms.comparisons, comparisons);
        EXPECT_EQ(alarms.regressions + alarms.improvements, 0U);
      });
}

// Those of the calling process: the extra work is not in the worker, and makes no sleep more. Where
// the scheduler may move both ends, the processor time depends on where it puts them: there 5 %
// are not seen (perf/README.md), and the counters are what counts.
TEST(RecordedPairs, OfASlowdownOf5PercentAreFoundByCountersAndByProcessorTime) {
  cites(55);
  for_metrics(
      0.05,
      [](const std::string& case_name, const MetricPairs& metric) {
        const std::string& name = metric.metric.name;
        const bool is_pinned = case_name.ends_with("_pinned");
        return (name == "cpu" && is_pinned) || name == "allocations" || name == "system_calls" ||
               name == "instructions";
      },
      [](const MetricPairs& metric) {
        const AlarmCount alarms = alarms_of(metric, false);
        EXPECT_GE(static_cast<double>(alarms.regressions),
                  0.95 * static_cast<double>(alarms.comparisons));
      });
}

}  // namespace
}  // namespace ordeal::perf
