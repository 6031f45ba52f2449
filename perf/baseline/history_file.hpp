// The history of a host and suite: JSON lines, a line each night, only appended.
//
//   STORE/history/<host>/<suite>.jsonl
//   {"schema": "ordeal-perf-history/1", "created", "commit", "dirty", "host", "suite",
//    "points": [{"case", "metric": {...}, "value": median of the runs, "runs"}...]}
#pragma once

#include <string>
#include <vector>

#include "perf/measurement/measurement.hpp"
#include "perf/stats/pairs.hpp"

namespace ordeal::perf {

inline constexpr std::string_view history_schema = "ordeal-perf-history/1";

struct HistoryPoint {
  std::string case_name;
  Metric metric;
  double value = 0;
  std::size_t runs = 0;
};
struct Night {
  std::string created;
  std::string commit;
  bool dirty = false;
  std::string host_id;
  std::string suite;
  std::vector<HistoryPoint> points;
};

[[nodiscard]] std::string history_path(const std::string& store, const std::string& host_id,
                                       const std::string& suite);
// A night for each suite of the pairs: the medians of the new side.
[[nodiscard]] std::vector<Night> nights_of(const PairsFile& pairs);
// Errors: file.
[[nodiscard]] Attempt<void> append_night(const std::string& path, const Night& night);
// In order of time. No file: no nights. Errors: json, schema, naming the line.
[[nodiscard]] Attempt<std::vector<Night>> read_nights(const std::string& path);

}  // namespace ordeal::perf
