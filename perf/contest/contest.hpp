// The same work side by side: everyone does a block in each round, in an order drawn anew, and what
// is said of two of them is the median of their ratios round by round, with its interval. What the
// machine does to one round, it does to all who are in it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "perf/bench/sample.hpp"
#include "perf/contest/contestant.hpp"

namespace ordeal::perf {

// Of all rounds together.
struct Standing {
  std::string name;
  std::string version;
  std::string why_not;  // empty: it took part
  double mean_us = 0;
  double p50_us = 0;
  double p90_us = 0;
  double p99_us = 0;
  double per_s = 0;
  std::uint64_t calls = 0;
  std::uint64_t failed = 0;
  std::string note;
  // By metric (contest_metric_names): Ordeal's over this one's. Empty for Ordeal itself.
  std::map<std::string, Interval, std::less<>> ratios;
};

struct ContestResult {
  std::uint32_t rounds = 0;
  Standing ordeal;
  std::vector<Standing> others;
};

struct ContestOptions {
  std::uint32_t rounds = 20;
  std::uint64_t seed = 1;
};

// A contestant that is not to be had, or breaks on the way, has why_not; without Ordeal there is no
// contest. Errors: program.
[[nodiscard]] Attempt<ContestResult> run_contest(const CaseSpec& spec,
                                                 const ContestOptions& options);

}  // namespace ordeal::perf
