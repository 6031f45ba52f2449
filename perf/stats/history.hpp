// A metric over many nights: is the newest one out of line, and where did the level change? Advice
// only: without the old binary beside the new one, the machine's own moods cannot be told apart.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "perf/measurement/measurement.hpp"

namespace ordeal::perf {

struct HistoryRules {
  std::size_t window = 30;      // newest points looked at
  std::size_t points_min = 10;  // fewer: no opinion
  double floor = 0.03;
  double iqr_factor = 3;        // threshold: Q3 + 3 IQR of the changes from point to point
  std::size_t segment_min = 3;  // a spike is no new level
  std::size_t segments_max = 8;
};

struct HistoryOpinion {
  bool enough = false;       // points to have an opinion
  bool out_of_line = false;  // it costs more than the threshold allows
  double change = 0;         // of the newest against the median of those before it, as costs
  double step = 0;           // against the one before it
  double threshold = 0;
};
// Of the last value of the series, in order of time. A slow drift is seen against the median, a
// jump against both. REQUIRES: values > 0.
[[nodiscard]] HistoryOpinion newest_of(const std::vector<double>& values, Better better,
                                       const HistoryRules& rules);

struct Level {
  std::size_t first = 0;  // index of its first point
  std::size_t count = 0;
  double median = 0;
};
// The series as levels: the piecewise constant fit with the least sum of absolute deviations of
// logs, exact for each number of levels; the number as asv chooses it (4 ln n / n a level). Levels
// are at least segment_min long, and neighbours differ by more than the floor. REQUIRES: values >
// 0.
[[nodiscard]] std::vector<Level> levels_of(const std::vector<double>& values,
                                           const HistoryRules& rules);

}  // namespace ordeal::perf
