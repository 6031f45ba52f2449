#include "perf/stats/history.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "perf/stats/numbers.hpp"

namespace ordeal::perf {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

std::vector<double> logs_of(const std::vector<double>& values) {
  std::vector<double> logs;
  for (const double value : values) logs.push_back(std::log(value));
  return logs;
}

// cost[i][j]: sum of absolute deviations of logs[i..j) from their median.
using Costs = std::vector<std::vector<double>>;
Costs segment_costs(const std::vector<double>& logs) {
  const std::size_t n = logs.size();
  Costs cost(n, std::vector<double>(n + 1, 0.0));
  for (std::size_t i = 0; i < n; ++i) {
    std::vector<double> sorted;
    for (std::size_t j = i; j < n; ++j) {
      sorted.insert(std::upper_bound(sorted.begin(), sorted.end(), logs[j]), logs[j]);
      // The upper half's sum minus the lower half's.
      const auto half = static_cast<std::ptrdiff_t>(sorted.size() / 2);
      const double low = std::accumulate(sorted.begin(), sorted.begin() + half, 0.0);
      const double high = std::accumulate(sorted.end() - half, sorted.end(), 0.0);
      cost[i][j + 1] = high - low;
    }
  }
  return cost;
}

// The best fit of exactly k levels for each k: where its levels begin.
struct Fit {
  double cost = infinity;
  std::vector<std::size_t> firsts;
};
std::vector<Fit> best_fits(const Costs& cost, std::size_t n, const HistoryRules& rules) {
  const std::size_t most = std::min(rules.segments_max, n / rules.segment_min);
  std::vector<std::vector<double>> best(most + 1, std::vector<double>(n + 1, infinity));
  std::vector<std::vector<std::size_t>> from(most + 1, std::vector<std::size_t>(n + 1, 0));
  best[0][0] = 0;
  for (std::size_t k = 1; k <= most; ++k) {
    for (std::size_t end = k * rules.segment_min; end <= n; ++end) {
      for (std::size_t first = 0; first + rules.segment_min <= end; ++first) {
        const double total = best[k - 1][first] + cost[first][end];
        if (total < best[k][end]) {
          best[k][end] = total;
          from[k][end] = first;
        }
      }
    }
  }
  std::vector<Fit> fits;
  for (std::size_t k = 1; k <= most; ++k) {
    Fit fit{best[k][n], {}};
    std::size_t end = n;
    for (std::size_t left = k; left > 0; --left) {
      end = from[left][end];
      fit.firsts.insert(fit.firsts.begin(), end);
    }
    fits.push_back(std::move(fit));
  }
  return fits;
}

std::vector<Level> as_levels(const std::vector<std::size_t>& firsts,
                             const std::vector<double>& logs) {
  std::vector<Level> levels;
  for (std::size_t i = 0; i < firsts.size(); ++i) {
    const std::size_t end = i + 1 < firsts.size() ? firsts[i + 1] : logs.size();
    std::vector<double> part(logs.begin() + static_cast<std::ptrdiff_t>(firsts[i]),
                             logs.begin() + static_cast<std::ptrdiff_t>(end));
    levels.push_back({firsts[i], end - firsts[i], std::exp(median(std::move(part)))});
  }
  return levels;
}

// The border between the two most alike neighbours goes first, until all differ by the floor.
void merge_alike(std::vector<std::size_t>& firsts, const std::vector<double>& logs, double floor) {
  for (;;) {
    const auto levels = as_levels(firsts, logs);
    std::size_t worst = 0;
    double least = std::log1p(floor);
    for (std::size_t i = 1; i < levels.size(); ++i) {
      const double apart = std::abs(std::log(levels[i].median / levels[i - 1].median));
      if (apart > least) continue;
      least = apart;
      worst = i;
    }
    if (worst == 0) return;
    firsts.erase(firsts.begin() + static_cast<std::ptrdiff_t>(worst));
  }
}

}  // namespace

HistoryOpinion newest_of(const std::vector<double>& values, Better better,
                         const HistoryRules& rules) {
  HistoryOpinion opinion;
  if (values.size() <= rules.points_min) return opinion;
  const std::size_t count = std::min(values.size() - 1, rules.window);
  const std::vector<double> before(values.end() - 1 - static_cast<std::ptrdiff_t>(count),
                                   values.end() - 1);
  std::vector<double> steps;
  for (std::size_t i = 1; i < before.size(); ++i) {
    steps.push_back(std::abs(before[i] / before[i - 1] - 1));
  }
  const double low = quantile(steps, 0.25);
  const double high = quantile(steps, 0.75);
  const auto cost = [&](double now, double then) {
    return better == Better::lower ? now / then - 1 : then / now - 1;
  };
  opinion.enough = true;
  opinion.threshold = std::max(rules.floor, high + rules.iqr_factor * (high - low));
  opinion.change = cost(values.back(), median(before));
  opinion.step = cost(values.back(), before.back());
  opinion.out_of_line = opinion.change > opinion.threshold;
  return opinion;
}

std::vector<Level> levels_of(const std::vector<double>& values, const HistoryRules& rules) {
  const auto logs = logs_of(values);
  const std::size_t n = logs.size();
  if (n == 0) return {};
  std::vector<std::size_t> firsts{0};
  if (n >= 2 * rules.segment_min) {
    const auto fits = best_fits(segment_costs(logs), n, rules);
    const double penalty = 4 * std::log(static_cast<double>(n)) / static_cast<double>(n);
    // Even a perfect fit is not taken for more exact than a tenth of the floor.
    const double least = rules.floor / 10;
    double best = infinity;
    for (std::size_t k = 0; k < fits.size(); ++k) {
      const double score = std::log(least + fits[k].cost / static_cast<double>(n)) +
                           penalty * static_cast<double>(k);
      if (score >= best) continue;
      best = score;
      firsts = fits[k].firsts;
    }
  }
  merge_alike(firsts, logs, rules.floor);
  return as_levels(firsts, logs);
}

}  // namespace ordeal::perf
