// Whether a worker's memory grows and grows: a leak, told from a cache that has been filled.
//
// Seen against the requests that it has served, not against time: what leaks, leaks by work. The
// last `window_requests` are looked at in four quarters. Growth that is worth a restart is enough
// of it over the whole window (growth_kib for each 100 requests), and some of it in every quarter:
// a model that was loaded is one step, and a step is no slope. Besides, there is a plain limit.
//
// Pure, deterministic, integers only; a value.
#pragma once

#include <array>
#include <cstdint>
#include <tuple>

#include "pool/core/field.hpp"

namespace ordeal::pool::core {

struct MemoryRules {
  std::uint64_t max_kib = 0;              // resident memory; 0: no limit
  std::uint64_t growth_kib = 0;           // for each 100 requests; 0: any growth will do
  std::uint64_t window_requests = 1'000;  // looked at
  [[nodiscard]] constexpr bool on() const { return max_kib != 0 || growth_kib != 0; }
  static constexpr auto fields() {
    return std::tuple{field("max_kib", &MemoryRules::max_kib),
                      field("growth_kib", &MemoryRules::growth_kib),
                      field("window_requests", &MemoryRules::window_requests)};
  }
};

class MemoryTrend {
 public:
  // The worker has served so many requests, and has so much memory. Returns whether it is to be
  // replaced for it. REQUIRES: served does not decrease.
  [[nodiscard]] bool add(const MemoryRules& rules, std::uint64_t served, std::uint64_t rss_kib);

 private:
  static constexpr std::size_t points_max = 5;  // four quarters
  struct Point {
    std::uint64_t served = 0;
    std::uint64_t rss_kib = 0;
  };
  [[nodiscard]] bool grows(const MemoryRules& rules) const;

  std::array<Point, points_max> points_{};  // oldest first
  std::size_t count_ = 0;
};

}  // namespace ordeal::pool::core
