#include "perf/stats/holm.hpp"

#include <algorithm>
#include <numeric>

namespace ordeal::perf {

std::vector<bool> significant(const std::vector<double>& p_values, const Rules& rules,
                              double strictness) {
  std::vector<bool> found(p_values.size(), false);
  if (p_values.size() > rules.many_tests) {
    for (std::size_t i = 0; i < p_values.size(); ++i) {
      found[i] = p_values[i] < rules.alpha_many * strictness;
    }
    return found;
  }
  std::vector<std::size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return p_values[a] < p_values[b]; });
  for (std::size_t i = 0; i < order.size(); ++i) {
    const double left = static_cast<double>(order.size() - i);
    if (!(p_values[order[i]] < rules.alpha * strictness / left)) break;
    found[order[i]] = true;
  }
  return found;
}

}  // namespace ordeal::perf
