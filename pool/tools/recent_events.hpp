// The last events of a run, for `dump`: a sink that keeps them as lines. Thread-safe.
#pragma once

#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "ordeal/pool/events.hpp"

namespace ordeal::pool::tools {

class RecentEvents {
 public:
  static constexpr std::size_t events_max = 200;

  // Outlives the pool.
  [[nodiscard]] Sink sink() {
    return [this](const PoolEvent& event) { add(event); };
  }
  // Oldest first.
  [[nodiscard]] std::vector<std::string> lines() const;

 private:
  void add(const PoolEvent& event);

  mutable std::mutex mutex_;
  std::deque<PoolEvent> events_;
};

}  // namespace ordeal::pool::tools
