// The calls of an experiment's load: idempotent or not, tried again or not, with or without a
// session that is counted up first, and kept to one worker.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "chaos/experiment/plan.hpp"
#include "chaos/experiment/run.hpp"
#include "ordeal/pool/pool.hpp"
#include "testing/load/load_target.hpp"

namespace ordeal::chaos {

// Thread safety: all members may be called from any thread.
class PlannedCalls : public trial::LoadTarget {
 public:
  // REQUIRES: the pool outlives the last call.
  PlannedCalls(pool::Pool& pool, const LoadPlan& plan)
      : pool_(pool), plan_(plan), sessions_(plan.sessions) {}
  trial::Answer call(std::string_view command, std::string_view arguments,
                     TimePoint deadline) override;
  // The faults are over: from now on every session must be served.
  void note_calm() { calm_.store(true); }
  // Compares what was acknowledged with what the store has. Once no call is under way.
  [[nodiscard]] SessionAccount account(const std::map<std::string, std::uint64_t>& of_other_hosts);

 private:
  // An answer: it failed.
  [[nodiscard]] std::optional<trial::Answer> count_up(std::uint64_t number, TimePoint deadline);
  pool::Pool& pool_;
  const LoadPlan plan_;
  std::atomic<std::uint64_t> turns_{0};
  std::atomic<bool> calm_{false};
  std::mutex mutex_;
  std::vector<SessionSeen> sessions_;
};

// When each call is due, for a load with a rate, from its start. Empty: it has none.
[[nodiscard]] std::vector<pool::core::Duration> arrivals_of(const LoadPlan& plan,
                                                            std::uint64_t seed);

}  // namespace ordeal::chaos
