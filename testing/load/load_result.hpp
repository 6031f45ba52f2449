// What a load came to: counts and histograms that merge, no record of each call.
//
// Every planned call is in exactly one of ok, failed, indeterminate, omitted.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "testing/load/history.hpp"
#include "testing/load/latency_histogram.hpp"

namespace ordeal::trial {

// What one call came to, as whoever made it tells.
struct CallEnd {
  Outcome outcome = Outcome::ok;  // ok, failed or indeterminate
  std::string_view code;          // the error's, of static life; empty: none
};

struct LoadResult {
  std::uint64_t planned = 0;
  std::uint64_t ok = 0;
  std::uint64_t failed = 0;
  std::uint64_t indeterminate = 0;
  std::uint64_t omitted = 0;  // never begun: its deadline was over before a caller was free
  std::uint64_t late = 0;     // of the others: begun later than OpenLoopOptions::late_after
  std::map<std::string, std::uint64_t, std::less<>> errors;  // by code

  // Of calls that ended ok. `response` counts from when the call was due: what a client with its
  // own clock sees, however busy the generator was. `service` counts from when it was begun.
  LatencyHistogram response;
  LatencyHistogram service;
  LatencyHistogram lag;  // from due to begun, of all that were begun

  Duration length{0};                       // from the start to the last outcome
  std::vector<std::uint64_t> ok_by_caller;  // for fairness
  std::vector<std::uint64_t> ok_by_slice;   // ended in the i-th slice of options.slice
  std::vector<std::uint64_t> due_by_slice;

  void count(const CallEnd& end);
  // Sums; the length is the longer one, ok_by_caller is one after the other.
  void merge(const LoadResult& other);
  [[nodiscard]] double success_rate() const;      // of planned; 1 if nothing was
  [[nodiscard]] double throughput_per_s() const;  // ok calls over the length
};

}  // namespace ordeal::trial
