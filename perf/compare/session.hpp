// Runs old and new side by side: fresh processes, in pairs, AB or BA as drawn (balanced in blocks
// of four), the cases of a round in random order, one warm-up process each. Pairs that ran while
// the machine was not fit are run again, a quarter more at most. Cases that look changed get an
// independent second stage of as many pairs; nothing else is ever measured longer for its result.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "perf/compare/sampler.hpp"
#include "perf/stats/noise.hpp"
#include "perf/stats/pairs.hpp"
#include "perf/stats/rules.hpp"

namespace ordeal::perf {

struct SessionPlan {
  Sampler old_sampler;
  Sampler new_sampler;
  std::vector<Case> cases;
  std::size_t pairs = 20;  // a stage
  bool second_stage = true;
  bool every_metric = false;  // also those that are not gated decide on a second stage
  SampleSize size;
  std::uint64_t seed = 1;
  Rules rules;
  std::vector<Noise> noise;  // of this machine: floors, and what is only information
  std::function<void(const std::string&)> progress;  // may be empty
};

struct SessionResult {
  PairsFile pairs;
  std::vector<std::string> notes;  // what could not be compared, and why
};

// Errors: those of the samplers.
[[nodiscard]] Attempt<SessionResult> run_session(const SessionPlan& plan);

// "ABBABAAB...": as many A as B in each four.
[[nodiscard]] std::string draw_order(std::size_t pairs, std::uint64_t seed);

}  // namespace ordeal::perf
