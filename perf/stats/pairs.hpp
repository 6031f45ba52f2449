// Raw data of a comparison: pairs of runs, old beside new, in one stage or two. What
// `ordeal-perf compare` and `calibrate` record and `ordeal-perf judge` reads, own data and foreign.
//
//   {"schema": "ordeal-perf-pairs/1",
//    "provenance": {...},                          optional, anything
//    "cases": [
//      {"suite": "round_trip", "case": "echo", "params": {},
//       "metrics": [{"name", "unit", "kind", "better", "gated",
//                    "floor": 0.03,                optional: of this metric
//                    "informational": true,        optional: its noise hides 25 %, never gated
//                    "stages": [{"old": [..], "new": [..]}, ...one or two]}],
//       "conditions": [                            optional, one for each stage
//         {"order": "ABBA...",                     A: the old one ran first in this pair
//          "control": [{"name": "spin_before", "old": [..], "new": [..]}],
//          "nivcsw": {"old": [..], "new": [..]}, "steal_s": {...}, "duration_s": {...}}]}]}
//
// For foreign data the short form is enough; all but schema, old and new may be left out:
//
//   {"schema": "ordeal-perf-pairs/1", "name": "latency", "unit": "ms", "kind": "wall",
//    "better": "lower", "floor": 0.03, "old": [..], "new": [..],
//    "control": {"old": [..], "new": [..]}, "second": {"old": [..], "new": [..]}}
//
// old[i] and new[i] are a pair: they ran next to each other, in random order. Values are finite and
// positive; counters may be 0.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "perf/measurement/measurement.hpp"

namespace ordeal::perf {

inline constexpr std::string_view pairs_schema = "ordeal-perf-pairs/1";
inline constexpr std::size_t stages_max = 2;

struct StageValues {
  std::vector<double> old_values;
  std::vector<double> new_values;
};

struct MetricPairs {
  Metric metric;
  std::optional<double> floor;  // instead of the rules'
  // By the calibration of this machine it cannot see 25 %: told, never gated.
  bool informational = false;
  std::vector<StageValues> stages;
};

// Under what a run was made.
struct RunConditions {
  std::vector<ControlBlock> control;
  double nivcsw = 0;
  double steal_s = 0;
  double duration_s = 0;
};

struct StageConditions {
  std::string order;  // a letter each pair, or empty: not known
  std::vector<RunConditions> old_runs;
  std::vector<RunConditions> new_runs;
};

struct CasePairs {
  std::string suite;
  std::string case_name;
  nlohmann::json params = nlohmann::json::object();
  std::vector<MetricPairs> metrics;
  std::vector<StageConditions> conditions;  // empty: not known; else one for each stage
};

struct PairsFile {
  nlohmann::json provenance = nlohmann::json::object();
  std::vector<CasePairs> cases;
};

// `about` is named by errors; a short form without a name is named after it. Errors: schema, value.
[[nodiscard]] Attempt<PairsFile> pairs_from_json(const nlohmann::json& value,
                                                 const std::string& about);
[[nodiscard]] nlohmann::json to_json(const PairsFile& file);
[[nodiscard]] RunConditions conditions_of(const Sample& sample);

}  // namespace ordeal::perf
