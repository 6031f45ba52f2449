// What a sampler's noise is on a machine: from pairs of runs of one and the same binary.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "perf/stats/pairs.hpp"
#include "perf/stats/rank_test.hpp"
#include "perf/stats/rules.hpp"

namespace ordeal::perf {

class ObjectReader;

struct Noise {
  std::string suite;
  std::string case_name;
  std::string metric;
  std::size_t pairs = 0;
  double mad = 0;  // of the pairs' log ratios, scaled
  double median_p99 =
      0;  // 99 % of blocks of ten pairs have a smaller median difference, as a share
  double slot_bias =
      0;             // how much more the second place in a pair costs than the first, as a share
  double floor = 0;  // raised in steps of 1 % until resamples raise no alarm
  std::optional<double> detectable;  // with stages of `pairs` pairs
  bool informational = false;        // blind to 25 %
};

// Of each metric of the file, whose two sides are one binary. Judged as stages of `stage_pairs`.
[[nodiscard]] std::vector<Noise> measure_noise(const PairsFile& same, std::size_t stage_pairs,
                                               const Rules& rules);
[[nodiscard]] nlohmann::json to_json(const std::vector<Noise>& noise);
[[nodiscard]] std::vector<Noise> read_noise(ObjectReader& reader, const char* member);

// How often the whole rule alarms on `count` comparisons drawn from recorded pairs: two stages of
// `stage_pairs` pairs each, drawn without repetition. `same`: the sides are one binary, so which is
// old is drawn, too.
struct AlarmCount {
  std::size_t comparisons = 0;
  std::size_t regressions = 0;
  std::size_t improvements = 0;
  std::size_t suspects = 0;
};
[[nodiscard]] AlarmCount count_alarms(const MetricPairs& metric, double floor, bool same,
                                      std::size_t stage_pairs, std::size_t count,
                                      const Rules& rules);

}  // namespace ordeal::perf
