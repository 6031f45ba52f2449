// Was the machine fit to measure? Judged by what the change cannot touch: control blocks, stolen
// time, involuntary switches. Results are never divided by a control.
#pragma once

#include <string>
#include <vector>

#include "perf/stats/pairs.hpp"
#include "perf/stats/rules.hpp"

namespace ordeal::perf {

// Of the whole session, all runs of both sides: what a fit run looks like.
struct SessionNorm {
  std::vector<ControlBlock> control_min;  // by name
  double nivcsw_max = 0;
  double steal_share_max = 0;
};
[[nodiscard]] SessionNorm session_norm(const std::vector<const RunConditions*>& runs,
                                       const Rules& rules);

// Why a run is not valid; empty: it is.
[[nodiscard]] std::string why_invalid(const RunConditions& run, const SessionNorm& norm,
                                      const Rules& rules);

// The blocks of the case's runs that say something here: those that, in three runs of four, are as
// near to their best as a valid run must be. A block that trembles on this machine however calm it
// is (memory shared with other guests) would make every session invalid. All, if none is steady:
// then nothing is valid.
[[nodiscard]] std::vector<std::string> steady_controls(const std::vector<StageConditions>& stages,
                                                       const Rules& rules);

struct StageValidity {
  std::vector<bool> valid;       // by pair
  std::vector<std::string> why;  // of each invalid pair, in order
};
struct CaseValidity {
  std::vector<StageValidity> stages;
  std::size_t pairs = 0;
  std::size_t invalid = 0;
  bool unstable = false;  // too many invalid pairs: no verdict
};
// Without conditions every pair is valid.
[[nodiscard]] CaseValidity check_validity(const CasePairs& one, const Rules& rules);

}  // namespace ordeal::perf
