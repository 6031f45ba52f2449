// Latencies counted in buckets that grow with the value, as HdrHistogram does: any number of calls
// in fixed memory, no value further than 1/128 from its bucket's end, and exact merging: the
// histogram of two runs is the sum of theirs, in any order.
//
// Thread safety: a value. One a thread, merged afterwards.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "pool/core/time.hpp"

namespace ordeal::trial {

using pool::core::Duration;

class LatencyHistogram {
 public:
  void add(Duration latency, std::uint64_t times = 1);  // negative counts as 0
  void merge(const LatencyHistogram& other);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] Duration min() const { return min_; }  // exact; 0 if empty
  [[nodiscard]] Duration max() const { return max_; }  // exact
  [[nodiscard]] double mean_ns() const;                // exact; 0 if empty

  // The smallest bucket's upper end with at least this part of the calls at or below it, but never
  // above max(). Parts are of 100 000: 50 000 is the median, 99 900 is p99.9. Empty: 0.
  [[nodiscard]] Duration percentile(std::uint32_t part_of_100_000) const;

  // The same with what order statistics say of it: it covers the percentile of what was drawn from
  // with 95 %, if the calls were independent. Of calls that queue behind one another they are not:
  // there, compare runs instead.
  struct Interval {
    Duration low{0};
    Duration value{0};
    Duration high{0};
    bool bounded = false;  // false: too few calls for an upper (or lower) end; it is max (min)
  };
  [[nodiscard]] Interval percentile_interval(std::uint32_t part_of_100_000) const;

  // How many calls took at most so long; what is in the same bucket counts.
  [[nodiscard]] std::uint64_t count_up_to(Duration latency) const;

  // Of each bucket that is not empty: {upper end in ns, calls}, ascending.
  [[nodiscard]] std::vector<std::pair<std::int64_t, std::uint64_t>> buckets() const;

  friend bool operator==(const LatencyHistogram&, const LatencyHistogram&) = default;

 private:
  [[nodiscard]] Duration value_at(std::uint64_t rank) const;  // 1 is the smallest

  std::vector<std::uint64_t> buckets_;  // no longer than the largest value needs
  std::uint64_t count_ = 0;
  std::uint64_t sum_ns_ = 0;
  Duration min_{0};
  Duration max_{0};
};

// Jain's index of fairness: 1 if all got the same, 1/n if one got everything. Empty or all 0: 1.
[[nodiscard]] double jain_fairness(const std::vector<double>& shares);

}  // namespace ordeal::trial
