// How good is the detector here? Pairs of one binary with itself (false alarms), and with variants
// that have real extra work compiled into their calls (power), by metric, recorded raw.
//
// A variant is a sampler that reads ORDEAL_SLOW="ns=600,allocations=0.05,system_calls=0.15": how
// much each call does besides. perf/tools/slow_call.cpp is ours.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "perf/baseline/fingerprint.hpp"
#include "perf/compare/session.hpp"
#include "perf/stats/noise.hpp"

namespace ordeal::perf {

inline constexpr std::string_view calibration_schema = "ordeal-perf-calibration/1";

struct CalibrationLevel {
  double slowdown = 0;  // wanted, a share of `base`; 0: the same binary
  PairsFile pairs;
};

struct Calibration {
  std::string created;
  std::string commit;
  std::string condition;  // "idle", "noisy", ...
  std::string base;       // the metric whose slowdown is wanted
  Fingerprint host;
  std::uint64_t seed = 0;
  std::vector<CalibrationLevel> levels;
};
[[nodiscard]] nlohmann::json to_json(const Calibration& calibration);
[[nodiscard]] Attempt<Calibration> calibration_from_json(const nlohmann::json& value,
                                                         const std::string& about);

struct CalibrationPlan {
  SessionPlan session;  // both samplers are set from `plain` and `slow`
  Sampler plain;
  Sampler slow;
  std::vector<double> slowdowns{0, 0.02, 0.05, 0.10, 0.20};
  std::string base = "cpu";
};
// Measures level by level, so that each pair is as close in time as in a comparison. Errors: the
// samplers'; value (no metric `base`, in µs or ns a call).
[[nodiscard]] Attempt<std::vector<CalibrationLevel>> calibrate(const CalibrationPlan& plan);

// One row for each case, metric and level.
struct CalibrationRow {
  std::string suite;
  std::string case_name;
  Metric metric;
  double slowdown = 0;  // wanted
  double ratio = 1;     // of the medians' costs: what the extra work did to this metric
  std::size_t pairs = 0;
  double floor = 0;
  AlarmCount alarms;
  std::optional<double> detectable;  // from the level without a slowdown
};
[[nodiscard]] std::vector<CalibrationRow> evaluate(const Calibration& calibration,
                                                   std::size_t stage_pairs, std::size_t comparisons,
                                                   const Rules& rules);

}  // namespace ordeal::perf
