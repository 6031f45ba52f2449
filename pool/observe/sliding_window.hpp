// How many requests were resolved, and how many of them with an error, in the last while. Pure.
//
// Kept in bucket_count buckets of window / bucket_count each, so memory is bounded whatever the
// load. A bucket leaves as a whole: at instant t it counts buckets t/width - bucket_count + 1 to
// t/width. Time never runs backwards here: an earlier instant counts as the latest one.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>

namespace ordeal::pool::observe {

class SlidingWindow {
 public:
  static constexpr std::int64_t bucket_count = 60;

  explicit SlidingWindow(std::chrono::nanoseconds window)
      : width_(std::max<std::int64_t>(window.count() / bucket_count, 1)) {}

  void advance(std::chrono::nanoseconds now) {
    const std::int64_t bucket = now.count() / width_;
    if (bucket <= newest_) return;
    // A pause longer than the window empties it, in no more steps than there are buckets.
    const std::int64_t first = std::max(newest_ + 1, bucket - bucket_count + 1);
    for (std::int64_t gone = first; gone <= bucket; ++gone) {
      Bucket& old = place(gone);
      requests_ -= old.requests;
      errors_ -= old.errors;
      old = {};
    }
    newest_ = bucket;
  }
  void add(std::chrono::nanoseconds now, bool error) {
    advance(now);
    Bucket& bucket = place(newest_);
    ++bucket.requests;
    ++requests_;
    bucket.errors += static_cast<std::uint64_t>(error);
    errors_ += static_cast<std::uint64_t>(error);
  }
  [[nodiscard]] std::uint64_t requests() const { return requests_; }
  [[nodiscard]] std::uint64_t errors() const { return errors_; }

 private:
  struct Bucket {
    std::uint64_t requests = 0;
    std::uint64_t errors = 0;
  };
  Bucket& place(std::int64_t bucket) {
    return buckets_[static_cast<std::size_t>(bucket % bucket_count)];
  }
  const std::int64_t width_;
  std::int64_t newest_ = 0;
  std::array<Bucket, bucket_count> buckets_{};
  std::uint64_t requests_ = 0;
  std::uint64_t errors_ = 0;
};

}  // namespace ordeal::pool::observe
