// Samples with a known truth, seeded: what detectors are tried on.
#pragma once

#include <cmath>
#include <random>
#include <vector>

#include "perf/stats/pairs.hpp"
#include "perf/stats/verdict.hpp"

namespace ordeal::perf::made {

using Shape = double (*)(std::mt19937_64&);  // a factor about 1

inline double normal(std::mt19937_64& random, double deviation) {
  return std::normal_distribution<double>{0, deviation}(random);
}
inline double calm(std::mt19937_64& random) { return std::exp(normal(random, 0.01)); }
inline double skewed(std::mt19937_64& random) { return std::exp(normal(random, 0.25)); }
// One run in five is hit by something else, up to double.
inline double tailed(std::mt19937_64& random) {
  const double hit = std::uniform_real_distribution<double>{}(random);
  return calm(random) * (hit < 0.2 ? 1 + 5 * hit : 1);
}
// One run in three is in a mode that is 35 % faster.
inline double bimodal(std::mt19937_64& random) {
  return calm(random) * (std::uniform_real_distribution<double>{}(random) < 0.33 ? 0.65 : 1);
}

struct Plan {
  Shape shape = calm;
  double slowdown = 0;
  double drift = 0;  // by so much both sides have become slower at the end
  std::size_t pairs = 20;
  std::size_t stages = 2;
  MetricKind kind = MetricKind::wall;
};

inline PairsFile pairs(const Plan& plan, std::uint64_t seed) {
  std::mt19937_64 random{seed};
  MetricPairs metric;
  metric.metric = {.name = "m", .unit = "us", .kind = plan.kind};
  for (std::size_t s = 0; s < plan.stages; ++s) {
    StageValues stage;
    for (std::size_t i = 0; i < plan.pairs; ++i) {
      const double done =
          static_cast<double>(s * plan.pairs + i) / static_cast<double>(plan.pairs * plan.stages);
      const double level = 100 * (1 + plan.drift * done);
      stage.old_values.push_back(level * plan.shape(random));
      stage.new_values.push_back(level * plan.shape(random) * (1 + plan.slowdown));
    }
    metric.stages.push_back(std::move(stage));
  }
  CasePairs one{.suite = "s", .case_name = "c"};
  one.metrics.push_back(std::move(metric));
  PairsFile file;
  file.cases.push_back(std::move(one));
  return file;
}

inline Rules quick_rules() {
  Rules rules;
  rules.resamples = 0;
  return rules;
}

// How many of `count` made data sets get the verdict.
inline int count_of(VerdictKind kind, const Plan& plan, int count, std::uint64_t seed = 1) {
  int found = 0;
  for (int i = 0; i < count; ++i) {
    const auto verdicts =
        judge(pairs(plan, seed * 1'000'003 + static_cast<std::uint64_t>(i)), quick_rules());
    found += verdicts.front().kind == kind ? 1 : 0;
  }
  return found;
}

}  // namespace ordeal::perf::made
