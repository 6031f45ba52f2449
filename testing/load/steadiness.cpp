#include "testing/load/steadiness.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace ordeal::trial {
namespace {

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

}  // namespace

bool Steadiness::add(double measure) {
  ++blocks_;
  last_.push_back(measure);
  if (last_.size() > options_.window) last_.pop_front();
  steady_ = last_.size() == options_.window && looks_steady();
  return steady_ || blocks_ >= options_.blocks_max;
}

bool Steadiness::looks_steady() const {
  const std::vector<double> all{last_.begin(), last_.end()};
  const double middle = median(all);
  const double allowed = std::abs(middle) * options_.tolerance_percent / 100;
  const auto astray = std::count_if(
      all.begin(), all.end(), [&](double value) { return std::abs(value - middle) > allowed; });
  const auto half = static_cast<std::ptrdiff_t>(all.size() / 2);
  const double before = median({all.begin(), all.begin() + half});
  const double after = median({all.end() - half, all.end()});
  return astray <= 1 && std::abs(after - before) <= allowed / 2;
}

}  // namespace ordeal::trial
