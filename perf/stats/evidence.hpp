// What one stage of pairs says of one metric, in logs: how sure it is that the new side is worse
// than the floor allows, or better, and by how much.
//
// Two sides that do not move together are compared by Mann-Whitney on shifted logs, and by
// Hodges-Lehmann. Two that do (both drift with the machine) would drown in their common movement;
// they are compared pair by pair, with the sign test and the median of the pairs' ratios. Both ways
// bear a heavy tail. Nothing depends on the order of the pairs.
#pragma once

#include <cstddef>
#include <vector>

#include "perf/stats/rank_test.hpp"
#include "perf/stats/rules.hpp"

namespace ordeal::perf {

// Logs of costs, where more is worse, pair by pair. -infinity is a counter's zero.
struct LogPairs {
  std::vector<double> old_logs;
  std::vector<double> new_logs;
};

struct Evidence {
  std::size_t pairs = 0;
  bool paired = false;      // judged pair by pair
  double p_worse = 1;       // of new / old <= 1 + floor
  double p_better = 1;      // of new / old >= 1 / (1 + floor)
  Estimate log_ratio;       // of new / old costs
  Estimate log_mean;        // the same of trimmed means
  double agree_worse = 0;   // share of pairs whose new side costs more
  double agree_better = 0;  // or less
};

// REQUIRES: as many in both, not empty, no NaN.
[[nodiscard]] Evidence weigh(const LogPairs& pairs, double floor, const Rules& rules,
                             RankMethod method = RankMethod::exact_if_small);

}  // namespace ordeal::perf
