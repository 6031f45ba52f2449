#include "pool/core/memory_trend.hpp"

#include <algorithm>

namespace ordeal::pool::core {

bool MemoryTrend::add(const MemoryRules& rules, std::uint64_t served, std::uint64_t rss_kib) {
  if (rules.max_kib != 0 && rss_kib > rules.max_kib) return true;
  if (rules.growth_kib == 0) return false;
  const std::uint64_t quarter = std::max<std::uint64_t>(rules.window_requests / 4, 1);
  if (count_ > 0 && served - points_[count_ - 1].served < quarter) return false;
  if (count_ == points_max) {
    std::move(points_.begin() + 1, points_.end(), points_.begin());
    --count_;
  }
  points_[count_++] = {served, rss_kib};
  return count_ == points_max && grows(rules);
}

bool MemoryTrend::grows(const MemoryRules& rules) const {
  const Point& first = points_.front();
  const Point& last = points_.back();
  if (last.rss_kib <= first.rss_kib) return false;
  const std::uint64_t growth = last.rss_kib - first.rss_kib;
  const std::uint64_t requests = last.served - first.served;
  if (growth < rules.growth_kib * requests / 100) return false;
  // Allocators take memory in lumps: a quarter's share may be small, but not nothing.
  const std::uint64_t share = growth / 16;
  for (std::size_t i = 1; i < points_max; ++i) {
    if (points_[i].rss_kib <= points_[i - 1].rss_kib + share) return false;
  }
  return true;
}

}  // namespace ordeal::pool::core
