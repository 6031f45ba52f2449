// DSPex's own rule, as an option beside ours: fixed limits of 20, 20 and 10 % on means. It knows no
// noise, so it is blind to a change of 15 % and is alarmed by a bad night; `verdict.hpp` is why.
#pragma once

#include <vector>

#include "perf/stats/pairs.hpp"
#include "perf/stats/verdict.hpp"

namespace ordeal::perf {

// Against the mean of what was before: p95 above 1.2 times it, throughput below 0.8, success rate
// below 0.9. Other metrics have no rule. Nothing before: no regression.
[[nodiscard]] bool dspex_regressed(const Metric& metric, const std::vector<double>& before,
                                   double current);

// Each metric of the pairs by that rule, the mean of the new side against the old side's: a
// regression or `equivalent`; a metric that DSPex has no rule for is inconclusive and not gated.
// Validity of runs, stages and levels play no part.
[[nodiscard]] std::vector<Verdict> judge_by_dspex(const PairsFile& file);

}  // namespace ordeal::perf
