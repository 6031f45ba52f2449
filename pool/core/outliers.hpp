// Which workers stand out from the others, by the answers of an interval: those that fail far more
// often, and those that are far slower. Who fails as often as the others do is no outlier: then it
// is not the worker.
//
// Invariants (bug class 15 of references/pool-peers.md, section 17):
//   (1) Nobody is chosen by fewer than requests_min answers, nor if the others together have not a
//       quarter as many.
//   (2) With those that are chosen, and those that are out already, no more than share_percent of
//       the workers are out, and healthy_min are not. (Counted after choosing, not before.)
//   (3) The worst are chosen first; of two that are alike, the one with the lesser number.
//
// Pure, deterministic, integers only.
#pragma once

#include <cstdint>
#include <span>
#include <tuple>
#include <vector>

#include "pool/core/field.hpp"
#include "pool/core/time.hpp"

namespace ordeal::pool::core {

struct OutlierRules {
  Duration interval{};                       // workers are compared so often; 0: never
  Duration time = std::chrono::seconds{30};  // out for so long, times how often in a row
  Duration time_max = std::chrono::minutes{5};
  std::uint32_t requests_min = 20;
  std::uint32_t failure_percent = 50;  // and more than twice what the others have
  std::uint32_t slow_percent = 300;    // of the others' time for an answer; 0: no matter
  std::uint32_t share_percent = 50;
  std::uint32_t healthy_min = 1;
  [[nodiscard]] constexpr bool on() const { return interval > Duration::zero(); }
  static constexpr auto fields() {
    using R = OutlierRules;
    return std::tuple{field("interval", &R::interval),
                      field("time", &R::time),
                      field("time_max", &R::time_max),
                      field("requests_min", &R::requests_min),
                      field("failure_percent", &R::failure_percent),
                      field("slow_percent", &R::slow_percent),
                      field("share_percent", &R::share_percent),
                      field("healthy_min", &R::healthy_min)};
  }
};

// What a worker has done in an interval.
struct Performance {
  std::uint32_t answers = 0;   // failures included
  std::uint32_t failures = 0;  // its own doing, not its caller's
  Duration time{};             // for all of them
};

enum class OutlierReason : std::uint8_t {
  none,
  failures,
  latency
};

struct Candidate {
  std::uint32_t worker = 0;  // as the caller numbers them
  Performance performance;
  bool out = false;  // already
};

struct Chosen {
  std::uint32_t worker = 0;
  OutlierReason reason{};
};

// `candidates`: all workers in service.
[[nodiscard]] std::vector<Chosen> choose_outliers(std::span<const Candidate> candidates,
                                                  const OutlierRules& rules);
// For so long is one out that is chosen for the `times`-th time. REQUIRES: times >= 1.
[[nodiscard]] Duration time_out(const OutlierRules& rules, std::uint32_t times);

}  // namespace ordeal::pool::core
