// What a suite of simulations must have seen, summed up over its seeds: a suite that never saw a
// full queue, or a half-open breaker, has not tested it.
//
// The catalogue is fixed: each outcome that the faults can lead to, each value of each dimension of
// the pool's state (testing/model/model_state.hpp), each order of two things that happen at one
// instant, and what the counters count. To add a sight: a row in sights.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "testing/sim/simulation.hpp"

namespace ordeal::trial {

struct Sight {
  std::string name;
  std::uint64_t count = 0;
};

class SuiteReport {
 public:
  void add(const SimulationReport& report);

  [[nodiscard]] std::vector<Sight> sights() const;
  [[nodiscard]] std::vector<std::string> never_seen() const;
  // "300 seeds: 84715 requests, 287813 events, 1234 states, 5678 transitions"
  [[nodiscard]] std::string summary() const;
  [[nodiscard]] const SimulationReport& sum() const { return sum_; }
  [[nodiscard]] std::uint64_t seeds() const { return seeds_; }

 private:
  std::uint64_t seeds_ = 0;
  SimulationReport sum_;
};

}  // namespace ordeal::trial
