#include "perf/stats/verdict.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "perf/stats/holm.hpp"
#include "perf/stats/power.hpp"
#include "perf/stats/validity.hpp"

namespace ordeal::perf {
namespace {

// One metric on its way to its verdict.
struct Trial {
  const CasePairs* one = nullptr;
  const MetricPairs* metric = nullptr;
  double floor = 0;
  std::size_t invalid = 0;
  bool unstable = false;
  bool counted = false;            // a counter that is the same in every run of a side
  std::vector<LogPairs> stages;    // valid pairs
  std::vector<Evidence> evidence;  // of each stage
  Evidence pooled;
  bool worse = false;         // (a), at the level for the number of stages
  bool worse_enough = false;  // the same at the level that one stage alone needs
  bool better = false;
  bool better_enough = false;
};

bool all_equal(const std::vector<double>& values) {
  return std::adjacent_find(values.begin(), values.end(), std::not_equal_to<>{}) == values.end();
}

bool is_counted(const MetricPairs& metric) {
  if (metric.metric.kind != MetricKind::counter) return false;
  std::vector<double> old_values;
  std::vector<double> new_values;
  for (const auto& stage : metric.stages) {
    old_values.insert(old_values.end(), stage.old_values.begin(), stage.old_values.end());
    new_values.insert(new_values.end(), stage.new_values.begin(), stage.new_values.end());
  }
  return old_values.size() >= 2 && all_equal(old_values) && all_equal(new_values);
}

Trial prepare(const CasePairs& one, const MetricPairs& metric, const CaseValidity& validity,
              const Rules& rules) {
  Trial trial{.one = &one, .metric = &metric};
  trial.floor = metric.floor.value_or(rules.floor_of(metric.metric.kind));
  trial.counted = is_counted(metric);
  // What is counted does not depend on how fast the machine was meanwhile.
  const bool needs_a_fit_machine = metric.metric.kind != MetricKind::counter;
  trial.invalid = needs_a_fit_machine ? validity.invalid : 0;
  LogPairs all;
  for (std::size_t s = 0; s < metric.stages.size(); ++s) {
    auto valid = validity.stages[s].valid;
    if (!needs_a_fit_machine) valid.assign(valid.size(), true);
    trial.stages.push_back(log_costs(metric, s, valid));
    const auto& stage = trial.stages.back();
    all.old_logs.insert(all.old_logs.end(), stage.old_logs.begin(), stage.old_logs.end());
    all.new_logs.insert(all.new_logs.end(), stage.new_logs.begin(), stage.new_logs.end());
  }
  // A stage without a valid pair says nothing at all.
  trial.unstable = needs_a_fit_machine && validity.unstable;
  for (const auto& stage : trial.stages) trial.unstable |= stage.old_logs.empty();
  if (trial.unstable) return trial;
  for (const auto& stage : trial.stages) {
    trial.evidence.push_back(weigh(stage, trial.floor, rules));
  }
  trial.pooled = weigh(all, trial.floor, rules);
  return trial;
}

bool is_tested(const Trial& trial) { return !trial.unstable && !trial.counted; }
bool is_gated(const Trial& trial) {
  return trial.metric->metric.gated && !trial.metric->informational;
}

// Holm over those that gate; the others are each for themselves.
void find_significant(std::vector<Trial>& trials, const Rules& rules) {
  std::vector<Trial*> family;
  for (auto& trial : trials) {
    if (!is_tested(trial)) continue;
    if (is_gated(trial)) {
      family.push_back(&trial);
      continue;
    }
    const auto& first = trial.evidence.front();
    trial.worse = first.p_worse < rules.alpha;
    trial.better = first.p_better < rules.alpha;
    trial.worse_enough = first.p_worse < rules.alpha * rules.one_stage_strictness;
    trial.better_enough = first.p_better < rules.alpha * rules.one_stage_strictness;
  }
  const auto mark = [&](double Evidence::*p, bool Trial::*plain, bool Trial::*enough) {
    std::vector<double> p_values;
    for (const auto* trial : family) p_values.push_back(trial->evidence.front().*p);
    const auto found = significant(p_values, rules);
    const auto found_enough = significant(p_values, rules, rules.one_stage_strictness);
    for (std::size_t i = 0; i < family.size(); ++i) {
      family[i]->*plain = found[i];
      family[i]->*enough = found_enough[i];
    }
  };
  mark(&Evidence::p_worse, &Trial::worse, &Trial::worse_enough);
  mark(&Evidence::p_better, &Trial::better, &Trial::better_enough);
}

// The same evidence with old and new swapped.
Evidence mirrored(const Evidence& evidence) {
  Evidence other = evidence;
  std::swap(other.p_worse, other.p_better);
  std::swap(other.agree_worse, other.agree_better);
  other.log_ratio = {-evidence.log_ratio.high, -evidence.log_ratio.middle, -evidence.log_ratio.low};
  return other;
}

// Clauses (a) to (d), for "worse" or, mirrored, for "better".
bool is_proved(const Trial& trial, bool significant, bool significant_enough, bool mirror,
               const Rules& rules) {
  const auto side = [&](const Evidence& one) { return mirror ? mirrored(one) : one; };
  if (!stage_says_worse(side(trial.evidence.front()), significant, trial.floor, rules))
    return false;
  if (trial.evidence.size() < 2) return significant_enough;
  return side(trial.evidence[1]).p_worse < rules.alpha;
}

VerdictKind decide_counted(const Trial& trial) {
  const double change = trial.pooled.log_ratio.middle;
  const double limit = std::log1p(trial.floor) + 1e-9;
  if (change > limit) return VerdictKind::regression;
  return change < -limit ? VerdictKind::improvement : VerdictKind::equivalent;
}

VerdictKind decide(const Trial& trial, const Rules& rules) {
  if (trial.unstable) return VerdictKind::unstable;
  if (trial.counted) return decide_counted(trial);
  if (is_proved(trial, trial.worse, trial.worse_enough, false, rules)) {
    return VerdictKind::regression;
  }
  if (trial.worse) return VerdictKind::suspect;
  if (is_proved(trial, trial.better, trial.better_enough, true, rules)) {
    return VerdictKind::improvement;
  }
  const double limit = std::log1p(trial.floor);
  const auto is_within = [&](const Estimate& ratio) {
    return ratio.low > -limit && ratio.high < limit;
  };
  const bool equivalent = is_within(trial.pooled.log_ratio) && is_within(trial.pooled.log_mean);
  return equivalent ? VerdictKind::equivalent : VerdictKind::inconclusive;
}

// The least p that so many pairs can give.
double least_p(const Trial& trial) {
  const auto n = static_cast<double>(trial.stages.front().old_logs.size());
  if (trial.evidence.front().paired) return std::pow(0.5, n);
  return std::exp(2 * std::lgamma(n + 1) - std::lgamma(2 * n + 1));
}

std::string in_words(const Trial& trial, VerdictKind kind, double level, const Rules& rules) {
  switch (kind) {
    case VerdictKind::unstable:
      return fmt::format("{} pairs ran while the machine was not fit to measure", trial.invalid);
    case VerdictKind::suspect: {
      const auto& first = trial.evidence.front();
      if (!(first.log_ratio.middle > std::log1p(trial.floor)))
        return "the ratio is not above the floor";
      if (first.agree_worse < rules.agreement_min) {
        return fmt::format("only {:.0f} % of the pairs agree", 100 * first.agree_worse);
      }
      return trial.evidence.size() < 2 ? "not certain enough for one stage: measure a second one"
                                       : "the second stage does not confirm it";
    }
    case VerdictKind::inconclusive:
      if (least_p(trial) >= level) {
        return fmt::format("{} pairs cannot reach the level {:.2g}",
                           trial.stages.front().old_logs.size(), level);
      }
      return "neither a change nor its absence is shown";
    case VerdictKind::equivalent:
      return fmt::format("within {:.1f} %", 100 * trial.floor);
    case VerdictKind::regression:
    case VerdictKind::improvement:
      if (trial.counted) return "counted, the same in every run";
      return trial.evidence.size() < 2 ? "certain in one stage" : "confirmed by a second stage";
  }
  return {};
}

// Back from logs of costs to a ratio of values as measured.
Estimate as_measured(const Evidence& pooled, Better better) {
  const Evidence side = better == Better::lower ? pooled : mirrored(pooled);
  return {std::exp(side.log_ratio.low), std::exp(side.log_ratio.middle),
          std::exp(side.log_ratio.high)};
}

Verdict verdict_of(const Trial& trial, std::size_t family, const Rules& rules) {
  Verdict verdict;
  verdict.suite = trial.one->suite;
  verdict.case_name = trial.one->case_name;
  verdict.metric = trial.metric->metric;
  verdict.gated = is_gated(trial);
  verdict.floor = trial.floor;
  verdict.invalid = trial.invalid;
  verdict.informational = trial.metric->informational;
  for (const auto& stage : trial.stages) verdict.pairs += stage.old_logs.size();
  const double strictness = trial.stages.size() < 2 ? rules.one_stage_strictness : 1;
  const std::size_t tests = verdict.gated ? std::max<std::size_t>(family, 1) : 1;
  verdict.level =
      strictness *
      (tests > rules.many_tests ? rules.alpha_many : rules.alpha / static_cast<double>(tests));
  verdict.kind = decide(trial, rules);
  verdict.why = in_words(trial, verdict.kind, verdict.level, rules);
  if (trial.unstable) return verdict;
  verdict.p = trial.evidence.front().p_worse;
  verdict.ratio = as_measured(trial.pooled, trial.metric->metric.better);
  verdict.paired = trial.pooled.paired;
  if (rules.resamples == 0) return verdict;
  verdict.detectable = trial.counted
                           ? std::optional{trial.floor}
                           : smallest_detectable(trial.stages, trial.floor, verdict.level, rules);
  verdict.informational |= !verdict.detectable || *verdict.detectable > rules.detectable_max;
  return verdict;
}

}  // namespace

std::string_view to_string(VerdictKind kind) {
  switch (kind) {
    case VerdictKind::regression:
      return "regression";
    case VerdictKind::suspect:
      return "suspect";
    case VerdictKind::improvement:
      return "improvement";
    case VerdictKind::equivalent:
      return "equivalent";
    case VerdictKind::inconclusive:
      return "inconclusive";
    case VerdictKind::unstable:
      return "unstable";
  }
  return "?";
}

LogPairs log_costs(const MetricPairs& metric, std::size_t stage, const std::vector<bool>& valid) {
  const double sign = metric.metric.better == Better::lower ? 1 : -1;
  const auto& values = metric.stages[stage];
  LogPairs pairs;
  for (std::size_t i = 0; i < valid.size(); ++i) {
    if (!valid[i]) continue;
    pairs.old_logs.push_back(sign * std::log(values.old_values[i]));
    pairs.new_logs.push_back(sign * std::log(values.new_values[i]));
  }
  return pairs;
}

bool stage_says_worse(const Evidence& evidence, bool significant, double floor,
                      const Rules& rules) {
  return significant && evidence.log_ratio.middle > std::log1p(floor) &&
         evidence.agree_worse >= rules.agreement_min;
}

std::vector<Verdict> judge(const PairsFile& file, const Rules& rules) {
  std::vector<Trial> trials;
  for (const auto& one : file.cases) {
    const CaseValidity validity = check_validity(one, rules);
    for (const auto& metric : one.metrics) trials.push_back(prepare(one, metric, validity, rules));
  }
  find_significant(trials, rules);
  const auto family =
      static_cast<std::size_t>(std::count_if(trials.begin(), trials.end(), [](const Trial& trial) {
        return is_tested(trial) && is_gated(trial);
      }));
  std::vector<Verdict> verdicts;
  for (const auto& trial : trials) verdicts.push_back(verdict_of(trial, family, rules));
  return verdicts;
}

}  // namespace ordeal::perf
