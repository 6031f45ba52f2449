// What a pool did while a test ran, from its events: no sampling, so nothing between two samples is
// missed, and a pool that did nothing has no numbers.
//
//     PerformanceMonitor monitor{pool};
//     ... load ...
//     const Performance seen = monitor.stop();
//     EXPECT_LE(seen.p95, 50ms) << seen.in_words();
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "ordeal/pool/pool.hpp"

namespace ordeal::trial {

struct Performance {
  std::uint64_t resolved = 0;  // requests that got their outcome
  std::uint64_t ok = 0;
  std::uint64_t retries = 0;
  std::uint64_t events_dropped = 0;  // by the pool: then the numbers are too small
  std::chrono::nanoseconds observed{};
  // From submit to outcome, of all that resolved; 0 if none did.
  std::chrono::nanoseconds p50{};
  std::chrono::nanoseconds p95{};
  std::chrono::nanoseconds p99{};
  std::chrono::nanoseconds max{};
  double per_second = 0;
  // Of the workers' time, that they had a request in hand: 0 to 1. Requests that were running when
  // the monitor began count from then on.
  double utilisation = 0;
  [[nodiscard]] std::string in_words() const;
};

class PerformanceMonitor {
 public:
  explicit PerformanceMonitor(pool::Pool& pool);
  ~PerformanceMonitor();
  PerformanceMonitor(const PerformanceMonitor&) = delete;
  PerformanceMonitor& operator=(const PerformanceMonitor&) = delete;
  // Ends the observation once all is counted that the pool's status says has resolved. Idempotent.
  [[nodiscard]] Performance stop();

 private:
  struct Seen;
  pool::Pool& pool_;
  std::shared_ptr<Seen> seen_;
  pool::Subscription subscription_;
};

}  // namespace ordeal::trial
