// "Slower or not": the rule, and what it says of each metric.
//
//   REGRESSION    iff (a) the rank test says that new / old > 1 + floor, at Holm's level over the
//                 gated metrics; (b) the estimated ratio is > 1 + floor; (c) 75 % of the pairs
//                 agree in sign; (d) an independent second stage confirms it. Data of one stage
//                 must pass (a) at a tenth of the level instead of (d).
//   SUSPECT       (a), but not all the rest
//   IMPROVEMENT   the mirror image of REGRESSION
//   EQUIVALENT    the 95 % intervals of the ratio and of that of trimmed means lie within the floor
//   UNSTABLE      more than 30 % of the pairs ran while the machine was not fit to measure
//   INCONCLUSIVE  none of these: not a pass
//
// A counter that is the same in every run of a side needs no test: it is compared as it is, however
// unfit the machine was.
// Invariants: a verdict does not depend on the order of the pairs; swapping old and new turns
// regressions into improvements and back; a metric whose higher values are better is judged as its
// inverse would be.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "perf/stats/evidence.hpp"
#include "perf/stats/pairs.hpp"
#include "perf/stats/rules.hpp"

namespace ordeal::perf {

enum class VerdictKind {
  regression,
  suspect,
  improvement,
  equivalent,
  inconclusive,
  unstable
};
[[nodiscard]] std::string_view to_string(VerdictKind kind);

struct Verdict {
  std::string suite;
  std::string case_name;
  Metric metric;
  VerdictKind kind = VerdictKind::inconclusive;
  std::string why;   // in words
  Estimate ratio;    // new / old as measured, with its interval; infinite ends: too few pairs
  double p = 1;      // of clause (a), first stage
  double level = 0;  // which p had to be below
  double floor = 0;
  std::size_t pairs = 0;  // that were judged, of all stages
  std::size_t invalid = 0;
  bool paired = false;  // judged pair by pair, since both sides move together
  // The smallest slowdown that this rule finds with 80 % power in such data; empty: none to 100 %.
  std::optional<double> detectable;
  // Cannot see 25 %: says nothing of small changes. Not gated, if the machine's calibration says
  // so.
  bool informational = false;
  bool gated = true;
};

// Judges all metrics together, since levels depend on how many there are.
[[nodiscard]] std::vector<Verdict> judge(const PairsFile& file, const Rules& rules);

// Costs as logs, valid pairs only: log of values that are to be low, minus log of those to be high.
[[nodiscard]] LogPairs log_costs(const MetricPairs& metric, std::size_t stage,
                                 const std::vector<bool>& valid);

// Clauses (a) to (c) of one stage; `significant`: what (a) said at its level.
[[nodiscard]] bool stage_says_worse(const Evidence& evidence, bool significant, double floor,
                                    const Rules& rules);

}  // namespace ordeal::perf
