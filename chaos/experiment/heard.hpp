// The pool of a run, and what its threads write down for the run's own: events, alerts, counts.
// Outlives a stop that does not return.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "chaos/experiment/held_pool.hpp"
#include "ordeal/pool/events.hpp"
#include "ordeal/pool/reporter.hpp"

namespace ordeal::chaos {

struct Heard {
  std::vector<pool::PoolEvent> events;  // what is worth a line: not those of each call
  std::vector<pool::Alert> alerts;
};

class HeardPool : public HeldPool {
 public:
  // On the pool's threads.
  void take(const pool::PoolEvent& event);
  void take(const pool::Alert& alert);
  // On the run's.
  [[nodiscard]] Heard drain();
  [[nodiscard]] std::map<std::string, std::uint64_t> counts();  // by name, alerts as alert_NAME

 private:
  std::mutex mutex_;
  Heard heard_;
  std::map<std::string, std::uint64_t, std::less<>> counts_;
};

// Starts it, with the alerts' reporter if there are rules. Errors: those of both starts.
[[nodiscard]] pool::Result<void> start_heard(const std::shared_ptr<HeardPool>& held,
                                             const pool::Options& options,
                                             const std::optional<pool::AlertRules>& rules,
                                             std::optional<pool::Reporter>& reporter);

}  // namespace ordeal::chaos
