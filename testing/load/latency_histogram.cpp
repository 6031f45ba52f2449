#include "testing/load/latency_histogram.hpp"

#include <algorithm>
#include <bit>
#include <boost/math/distributions/binomial.hpp>

namespace ordeal::trial {
namespace {

// Values below 2^(precision_bits+1) have a bucket each; above, each doubling has 2^precision_bits.
constexpr int precision_bits = 7;

std::size_t bucket_of(std::uint64_t ns) {
  const int shift = std::max(static_cast<int>(std::bit_width(ns)) - (precision_bits + 1), 0);
  return (static_cast<std::size_t>(shift) << precision_bits) + (ns >> shift);
}

std::int64_t upper_end_of(std::size_t bucket) {
  if (bucket < (2U << precision_bits)) return static_cast<std::int64_t>(bucket);
  const std::size_t shift = (bucket >> precision_bits) - 1;
  const std::size_t mantissa = bucket - (shift << precision_bits);
  return static_cast<std::int64_t>(((mantissa + 1) << shift) - 1);
}

}  // namespace

void LatencyHistogram::add(Duration latency, std::uint64_t times) {
  if (times == 0) return;
  const Duration at_least_zero = std::max(latency, Duration{0});
  const auto ns = static_cast<std::uint64_t>(at_least_zero.count());
  const std::size_t bucket = bucket_of(ns);
  if (bucket >= buckets_.size()) buckets_.resize(bucket + 1);
  buckets_[bucket] += times;
  min_ = count_ == 0 ? at_least_zero : std::min(min_, at_least_zero);
  max_ = std::max(max_, at_least_zero);
  count_ += times;
  sum_ns_ += ns * times;
}

void LatencyHistogram::merge(const LatencyHistogram& other) {
  if (other.count_ == 0) return;
  if (other.buckets_.size() > buckets_.size()) buckets_.resize(other.buckets_.size());
  for (std::size_t i = 0; i < other.buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  min_ = count_ == 0 ? other.min_ : std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
  count_ += other.count_;
  sum_ns_ += other.sum_ns_;
}

double LatencyHistogram::mean_ns() const {
  return count_ == 0 ? 0 : static_cast<double>(sum_ns_) / static_cast<double>(count_);
}

Duration LatencyHistogram::value_at(std::uint64_t rank) const {
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    below += buckets_[i];
    if (below >= rank) return std::clamp(Duration{upper_end_of(i)}, min_, max_);
  }
  return max_;
}

Duration LatencyHistogram::percentile(std::uint32_t part_of_100_000) const {
  if (count_ == 0) return Duration{0};
  const std::uint64_t rank = (count_ * part_of_100_000 + 99'999) / 100'000;
  return value_at(std::max<std::uint64_t>(rank, 1));
}

LatencyHistogram::Interval LatencyHistogram::percentile_interval(
    std::uint32_t part_of_100_000) const {
  Interval interval{.value = percentile(part_of_100_000)};
  if (count_ == 0) return interval;
  // How many of the calls fall below the true percentile is binomial; so the l-th and the u-th
  // value enclose it with the probability that this number lies in [l, u).
  const auto n = static_cast<double>(count_);
  const boost::math::binomial_distribution<double> below{n, part_of_100_000 / 100'000.0};
  double low_rank = 0;
  double high_rank = n + 1;
  if (cdf(below, 0) <= 0.025) low_rank = std::floor(quantile(below, 0.025));
  if (1 - cdf(below, n - 1) <= 0.025) high_rank = std::ceil(quantile(below, 0.975)) + 1;
  interval.bounded = low_rank >= 1 && high_rank <= n;
  interval.low = low_rank >= 1 ? value_at(static_cast<std::uint64_t>(low_rank)) : min_;
  interval.high = high_rank <= n ? value_at(static_cast<std::uint64_t>(high_rank)) : max_;
  return interval;
}

std::uint64_t LatencyHistogram::count_up_to(Duration latency) const {
  if (latency.count() < 0) return 0;
  const std::size_t last = bucket_of(static_cast<std::uint64_t>(latency.count()));
  std::uint64_t found = 0;
  for (std::size_t i = 0; i < buckets_.size() && i <= last; ++i) found += buckets_[i];
  return found;
}

std::vector<std::pair<std::int64_t, std::uint64_t>> LatencyHistogram::buckets() const {
  std::vector<std::pair<std::int64_t, std::uint64_t>> filled;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    if (buckets_[i] > 0) filled.emplace_back(upper_end_of(i), buckets_[i]);
  }
  return filled;
}

double jain_fairness(const std::vector<double>& shares) {
  double sum = 0;
  double squares = 0;
  for (const double share : shares) {
    sum += share;
    squares += share * share;
  }
  return squares == 0 ? 1 : sum * sum / (squares * static_cast<double>(shares.size()));
}

}  // namespace ordeal::trial
