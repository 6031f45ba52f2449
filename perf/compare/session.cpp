#include "perf/compare/session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <random>

#include "perf/stats/evidence.hpp"
#include "perf/stats/power.hpp"
#include "perf/stats/validity.hpp"
#include "perf/stats/verdict.hpp"

namespace ordeal::perf {
namespace {

constexpr std::size_t padding_max = 4096;
constexpr double extra_share_max = 0.25;

struct SamplePair {
  Sample old_sample;
  Sample new_sample;
};

class Session {
 public:
  explicit Session(const SessionPlan& plan) : plan_(plan), random_(plan.seed) {
    recorded_.resize(plan.cases.size());
  }

  Attempt<SessionResult> run() {
    if (auto failed = warm_up()) return tl::unexpected(*failed);
    std::vector<std::size_t> all(plan_.cases.size());
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
    std::erase_if(all, [&](std::size_t i) { return recorded_[i].refused; });
    if (auto failed = run_stage(all)) return tl::unexpected(*failed);
    if (plan_.second_stage) {
      std::erase_if(all, [&](std::size_t i) { return !looks_changed(i); });
      if (auto failed = run_stage(all)) return tl::unexpected(*failed);
    }
    return result();
  }

 private:
  struct Recorded {
    bool refused = false;
    std::vector<std::string> orders;  // of each stage
    std::vector<std::vector<SamplePair>> stages;
  };

  void say(const std::string& text) const {
    if (plan_.progress) plan_.progress(text);
  }

  Attempt<Sample> sample(const Sampler& sampler, const Case& one) {
    const std::uint64_t seed = random_() % 1'000'000;
    const std::size_t padding = draw_below(random_, padding_max);
    return take_sample(sampler, one.suite, one.name, plan_.size, seed, padding);
  }

  // One process each, whose figures are thrown away; what cannot be compared is found here.
  std::optional<Error> warm_up() {
    for (std::size_t i = 0; i < plan_.cases.size(); ++i) {
      const Case& one = plan_.cases[i];
      say(fmt::format("warm-up {}/{}", one.suite, one.name));
      const auto new_sample = sample(plan_.new_sampler, one);
      if (!new_sample) return new_sample.error();
      const auto old_sample = sample(plan_.old_sampler, one);
      if (!old_sample) return old_sample.error();
      if (old_sample->params == new_sample->params) continue;
      recorded_[i].refused = true;
      notes_.push_back(fmt::format("{}/{}: not compared: its parameters were {}, are {}", one.suite,
                                   one.name, old_sample->params.dump(), new_sample->params.dump()));
    }
    return std::nullopt;
  }

  std::optional<Error> run_pair(const Case& one, bool old_first, SamplePair& pair) {
    for (const bool is_old : {old_first, !old_first}) {
      auto taken = sample(is_old ? plan_.old_sampler : plan_.new_sampler, one);
      if (!taken) return taken.error();
      (is_old ? pair.old_sample : pair.new_sample) = std::move(*taken);
    }
    return std::nullopt;
  }

  std::optional<Error> run_stage(const std::vector<std::size_t>& places) {
    for (const std::size_t i : places) {
      recorded_[i].orders.push_back(draw_order(plan_.pairs, random_()));
      recorded_[i].stages.emplace_back(plan_.pairs);
    }
    for (std::size_t round = 0; round < plan_.pairs && !places.empty(); ++round) {
      auto shuffled = places;
      for (std::size_t i = shuffled.size(); i > 1; --i) {
        std::swap(shuffled[i - 1], shuffled[draw_below(random_, i)]);
      }
      say(fmt::format("stage {} pair {} of {}, {} cases", recorded_[places[0]].stages.size(),
                      round + 1, plan_.pairs, places.size()));
      for (const std::size_t i : shuffled) {
        auto& recorded = recorded_[i];
        const bool old_first = recorded.orders.back()[round] == 'A';
        if (auto failed = run_pair(plan_.cases[i], old_first, recorded.stages.back()[round])) {
          return failed;
        }
      }
    }
    for (const std::size_t i : places) {
      if (auto failed = run_invalid_again(i)) return failed;
    }
    return std::nullopt;
  }

  // In the order of the pairs, while the extra runs last.
  std::optional<Error> run_invalid_again(std::size_t place) {
    auto& recorded = recorded_[place];
    auto extra =
        static_cast<std::size_t>(std::ceil(extra_share_max * static_cast<double>(plan_.pairs)));
    const CasePairs one = as_pairs(place);
    if (one.metrics.empty()) return std::nullopt;
    const auto validity = check_validity(one, plan_.rules);
    const auto& valid = validity.stages.back().valid;
    for (std::size_t i = 0; i < valid.size() && extra > 0; ++i) {
      if (valid[i]) continue;
      --extra;
      say(fmt::format("once more: {}/{} pair {}", one.suite, one.case_name, i + 1));
      const bool old_first = recorded.orders.back()[i] == 'A';
      if (auto failed = run_pair(plan_.cases[place], old_first, recorded.stages.back()[i])) {
        return failed;
      }
    }
    return std::nullopt;
  }

  // Any metric that counts is significant by itself, in either direction.
  bool looks_changed(std::size_t place) {
    Rules quick = plan_.rules;
    quick.resamples = 0;
    const CasePairs one = as_pairs(place);
    if (one.metrics.empty()) return false;
    const auto validity = check_validity(one, quick);
    return std::any_of(one.metrics.begin(), one.metrics.end(), [&](const MetricPairs& metric) {
      if (!metric.metric.gated && !plan_.every_metric) return false;
      const LogPairs logs = log_costs(metric, 0, validity.stages.front().valid);
      if (logs.old_logs.empty()) return false;
      const double floor = metric.floor.value_or(quick.floor_of(metric.metric.kind));
      const auto evidence = weigh(logs, floor, quick);
      return evidence.p_worse < quick.alpha || evidence.p_better < quick.alpha;
    });
  }

  CasePairs as_pairs(std::size_t place);
  Attempt<SessionResult> result();

  const SessionPlan& plan_;
  std::mt19937_64 random_;
  std::vector<Recorded> recorded_;
  std::vector<std::string> notes_;
};

const MeasuredMetric* find_metric(const Sample& sample, const Metric& wanted) {
  for (const auto& one : sample.metrics) {
    if (one.metric.name == wanted.name && one.metric.unit == wanted.unit &&
        one.metric.kind == wanted.kind && one.metric.better == wanted.better) {
      return &one;
    }
  }
  return nullptr;
}

// The metric's values of all pairs; why not, if a run has none or one that has no logarithm.
std::string collect(const std::vector<std::vector<SamplePair>>& stages, MetricPairs& metric) {
  const bool may_be_zero =
      metric.metric.kind == MetricKind::counter && metric.metric.better == Better::lower;
  for (const auto& stage : stages) {
    StageValues values;
    for (const auto& pair : stage) {
      for (const bool is_old : {true, false}) {
        const auto* found = find_metric(is_old ? pair.old_sample : pair.new_sample, metric.metric);
        if (found == nullptr) return "not measured by both";
        const bool good = found->value > 0 || (may_be_zero && found->value == 0);
        if (!good) return fmt::format("is {} in a run, which has no ratio", found->value);
        (is_old ? values.old_values : values.new_values).push_back(found->value);
      }
    }
    metric.stages.push_back(std::move(values));
  }
  return {};
}

void keep_steady_controls(CasePairs& one, const Rules& rules) {
  const auto steady = steady_controls(one.conditions, rules);
  for (auto& stage : one.conditions) {
    for (auto* runs : {&stage.old_runs, &stage.new_runs}) {
      for (auto& run : *runs) {
        std::erase_if(run.control, [&](const ControlBlock& block) {
          return std::find(steady.begin(), steady.end(), block.name) == steady.end();
        });
      }
    }
  }
}

CasePairs Session::as_pairs(std::size_t place) {
  const auto& recorded = recorded_[place];
  const Case& which = plan_.cases[place];
  CasePairs one{.suite = which.suite, .case_name = which.name};
  const Sample& first = recorded.stages.front().front().new_sample;
  one.params = first.params;
  for (const auto& measured : first.metrics) {
    MetricPairs metric{.metric = measured.metric};
    const std::string why = collect(recorded.stages, metric);
    if (!why.empty()) {
      const std::string note = fmt::format("{}/{} {}: not compared: {}", which.suite, which.name,
                                           metric.metric.name, why);
      if (std::find(notes_.begin(), notes_.end(), note) == notes_.end()) notes_.push_back(note);
      continue;
    }
    for (const auto& noise : plan_.noise) {
      if (noise.suite != one.suite || noise.case_name != one.case_name) continue;
      if (noise.metric != metric.metric.name) continue;
      metric.floor = std::max(noise.floor, plan_.rules.floor_of(metric.metric.kind));
      metric.informational = noise.informational;
    }
    one.metrics.push_back(std::move(metric));
  }
  for (std::size_t s = 0; s < recorded.stages.size(); ++s) {
    StageConditions conditions{.order = recorded.orders[s]};
    for (const auto& pair : recorded.stages[s]) {
      conditions.old_runs.push_back(conditions_of(pair.old_sample));
      conditions.new_runs.push_back(conditions_of(pair.new_sample));
    }
    one.conditions.push_back(std::move(conditions));
  }
  keep_steady_controls(one, plan_.rules);
  return one;
}

Attempt<SessionResult> Session::result() {
  SessionResult all;
  for (std::size_t i = 0; i < recorded_.size(); ++i) {
    if (recorded_[i].refused) continue;
    CasePairs one = as_pairs(i);
    if (!one.metrics.empty()) all.pairs.cases.push_back(std::move(one));
  }
  all.notes = notes_;
  return all;
}

}  // namespace

std::string draw_order(std::size_t pairs, std::uint64_t seed) {
  std::mt19937_64 random{seed};
  std::string order;
  while (order.size() < pairs) {
    std::string block = "AABB";
    for (std::size_t i = block.size(); i > 1; --i) {
      std::swap(block[i - 1], block[draw_below(random, i)]);
    }
    order += block;
  }
  return order.substr(0, pairs);
}

Attempt<SessionResult> run_session(const SessionPlan& plan) { return Session{plan}.run(); }

}  // namespace ordeal::perf
