// How long requests wait and are served, worked out from the instants of their events. Pure.
//
// Each attempt waits (from submit, from the end of a pause, or from being put back into the queue)
// until it is granted a worker, and is served until it fails or the request is resolved. An attempt
// that was put back untouched was not served. For a lease, being served is being held.
//
// Bounded: at most requests_max requests are remembered; beyond, the oldest is forgotten and its
// attempt not measured (events that were dropped leave such behind).
#pragma once

#include <chrono>
#include <cstdint>
#include <map>

#include "ordeal/pool/events.hpp"
#include "pool/core/action.hpp"
#include "pool/observe/metrics/histogram.hpp"

namespace ordeal::pool::observe {

class RequestTimes {
 public:
  static constexpr std::size_t requests_max = 65'536;

  void note(core::Occurrence what, const PoolEvent& event);

  [[nodiscard]] const Histogram& queue_wait() const { return queue_wait_; }
  [[nodiscard]] const Histogram& service() const { return service_; }
  [[nodiscard]] const Histogram& total_ok() const { return total_ok_; }
  [[nodiscard]] const Histogram& total_error() const { return total_error_; }
  [[nodiscard]] std::size_t remembered() const { return open_.size(); }

 private:
  using TimePoint = std::chrono::steady_clock::time_point;
  struct Open {
    TimePoint since;
    bool served = false;  // else it waits
  };
  void wait_from(std::uint64_t request, TimePoint since);
  void end_service(std::uint64_t request, TimePoint at);
  void bound();

  std::map<std::uint64_t, Open> open_;  // by serial: the first is the oldest
  Histogram queue_wait_;
  Histogram service_;
  Histogram total_ok_;
  Histogram total_error_;
};

}  // namespace ordeal::pool::observe
