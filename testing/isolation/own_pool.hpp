// Mode `pool_testing`: a pool of the test's own, whole and warm at the beginning, and accounted for
// at the end. Isolates: the pool, its workers, its sessions. Not: the machine's load.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ordeal/pool/options.hpp"
#include "testing/helpers/waits.hpp"

namespace ordeal::trial {

class OwnPool {
 public:
  // Throws std::runtime_error if the pool does not start, or does not become warm.
  explicit OwnPool(const pool::Options& options);
  [[nodiscard]] pool::Pool& pool() { return pool_; }
  [[nodiscard]] EventWatch& events() { return *events_; }  // from before the test's first call on

  // Stops the pool, and says what is wrong with its account: requests without an outcome, sums that
  // do not add up, workers that live on, sinks that threw.
  [[nodiscard]] std::vector<std::string> end();

 private:
  pool::Pool pool_;
  std::unique_ptr<EventWatch> events_;
};

}  // namespace ordeal::trial
