// The numbers of the rule "slower or not". Where they come from: references
// perf-resilience-anchors.md, A3 (what was measured) and A4 (the design).
#pragma once

#include <cstddef>
#include <cstdint>

#include "perf/measurement/measurement.hpp"

namespace ordeal::perf {

struct Rules {
  // A change up to the floor is no change. Counters do not tremble, so theirs is tight.
  double floor = 0.03;
  double counter_floor = 0.005;
  double alpha = 0.01;        // of a family of gated metrics (Holm), and of the second stage
  double alpha_many = 0.001;  // of each test in a family of more than many_tests
  std::size_t many_tests = 30;
  double agreement_min = 0.75;  // share of the pairs that must agree in sign
  // Data of one stage cannot be confirmed, so it must be that much more certain.
  double one_stage_strictness = 0.1;
  double confidence = 0.95;  // of intervals
  // Two sides that move together (rank correlation, and its significance) are judged pair by pair.
  double correlation_min = 0.5;
  double correlation_z_min = 2.33;
  std::size_t paired_min = 10;  // fewer pairs cannot reach the level by their signs
  // Control: a run that is this much slower in a control block than the session's best one, or
  // whose involuntary switches or stolen time jump by so many MADs, makes its pair invalid.
  double control_excess_max = 0.10;
  double steady_share_min = 0.75;  // of runs near the best, for a block to be a control here
  double jump_mads = 3;
  double switches_jump_min = 10;    // and by as many switches at least
  double steal_share_min = 0.05;    // and by as much of the run's duration
  double invalid_share_max = 0.30;  // of pairs; more: no verdict
  // What a metric must be able to see, with this power, to be more than information.
  double detectable_max = 0.25;
  double power = 0.80;
  std::size_t resamples = 200;  // to find what can be seen; 0: do not look
  std::uint64_t seed = 1;       // of resampling

  [[nodiscard]] double floor_of(MetricKind kind) const {
    return kind == MetricKind::counter ? counter_floor : floor;
  }
};

}  // namespace ordeal::perf
