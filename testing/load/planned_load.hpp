// A whole load as data: which calls, when, for whom, how long and how large.
//
// Each dimension draws from a stream of its own, so that changing one leaves the others as they
// were. Pure; a value of it and a seed are the same calls in the simulation, under chaos and here.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "testing/load/arrivals.hpp"

namespace ordeal::trial {

struct LoadShape {
  RateProfile rate;
  Spacing spacing;
  ServiceTime service;         // what the worker is to take for a call
  std::uint32_t sessions = 0;  // 0: calls have none
  std::uint32_t sessions_skew_percent = 100;
  std::uint32_t sessionless_percent = 0;  // of the calls, if there are sessions
  std::uint64_t payload_bytes_min = 64;   // each size's logarithm is evenly drawn between them
  std::uint64_t payload_bytes_max = 64;
  friend bool operator==(const LoadShape&, const LoadShape&) = default;
};

struct PlannedCall {
  std::uint64_t number = 0;
  Duration due{0};  // from the start
  Duration service{0};
  std::uint64_t payload_bytes = 0;
  std::optional<std::uint32_t> session;
  friend bool operator==(const PlannedCall&, const PlannedCall&) = default;
};

class PlannedLoad {
 public:
  PlannedLoad(const LoadShape& shape, std::uint64_t seed);
  // In the order of their being due; nothing when the load is over.
  [[nodiscard]] std::optional<PlannedCall> next();

 private:
  LoadShape shape_;
  Random seeds_;
  Arrivals arrivals_;
  Random service_random_;
  Random session_random_;
  Random payload_random_;
  std::optional<Popularity> popularity_;
  std::uint64_t number_ = 0;
};

}  // namespace ordeal::trial
