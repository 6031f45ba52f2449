#include "perf/stats/power.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "perf/stats/verdict.hpp"

namespace ordeal::perf {
namespace {

using Pair = std::pair<double, double>;  // old, new, as logs

// All pairs with the difference between the sides taken out, in an order of their own.
std::vector<Pair> centred(const std::vector<LogPairs>& stages, double floor, const Rules& rules) {
  LogPairs all;
  for (const auto& stage : stages) {
    all.old_logs.insert(all.old_logs.end(), stage.old_logs.begin(), stage.old_logs.end());
    all.new_logs.insert(all.new_logs.end(), stage.new_logs.begin(), stage.new_logs.end());
  }
  const double difference = weigh(all, floor, rules, RankMethod::approximate).log_ratio.middle;
  std::vector<Pair> pairs;
  for (std::size_t i = 0; i < all.old_logs.size(); ++i) {
    pairs.emplace_back(all.old_logs[i], all.new_logs[i] - difference);
  }
  std::sort(pairs.begin(), pairs.end());
  return pairs;
}

LogPairs resample(const std::vector<Pair>& pairs, std::size_t count, double shift,
                  std::mt19937_64& random) {
  LogPairs drawn;
  for (std::size_t i = 0; i < count; ++i) {
    const Pair& pair = pairs[draw_below(random, pairs.size())];
    drawn.old_logs.push_back(pair.first);
    drawn.new_logs.push_back(pair.second + shift);
  }
  return drawn;
}

bool is_found(const std::vector<Pair>& pairs, const std::vector<LogPairs>& stages, double shift,
              double floor, double level, const Rules& rules, std::mt19937_64& random) {
  bool found = true;
  for (std::size_t s = 0; s < stages.size() && found; ++s) {
    const auto drawn = resample(pairs, stages[s].old_logs.size(), shift, random);
    const auto evidence = weigh(drawn, floor, rules, RankMethod::approximate);
    found = s == 0 ? stage_says_worse(evidence, evidence.p_worse < level, floor, rules)
                   : evidence.p_worse < rules.alpha;
  }
  return found;
}

}  // namespace

std::size_t draw_below(std::mt19937_64& random, std::size_t bound) {
  // The bias of the remainder is below 2^-50 for bounds that fit here.
  return static_cast<std::size_t>(random() % bound);
}

std::optional<double> smallest_detectable(const std::vector<LogPairs>& stages, double floor,
                                          double level, const Rules& rules) {
  const auto pairs = centred(stages, floor, rules);
  for (const auto& [old_log, new_log] : pairs) {
    if (!std::isfinite(old_log) || !std::isfinite(new_log)) return std::nullopt;
  }
  const auto is_seen = [&](double slowdown) {
    std::mt19937_64 random{rules.seed};
    std::size_t found = 0;
    for (std::size_t i = 0; i < rules.resamples; ++i) {
      const double shift = std::log1p(slowdown);
      if (is_found(pairs, stages, shift, floor, level, rules, random)) ++found;
    }
    return static_cast<double>(found) >= rules.power * static_cast<double>(rules.resamples);
  };
  double unseen = floor;
  double seen = 1.0;
  if (!is_seen(seen)) return std::nullopt;
  while (seen - unseen > 0.0025) {
    const double between = (seen + unseen) / 2;
    (is_seen(between) ? seen : unseen) = between;
  }
  return seen;
}

}  // namespace ordeal::perf
