// The calls of an experiment's load: idempotent or not, tried again or not, with or without a
// session that is counted up first, and kept to one worker. Some are given up by their caller, some
// are made on a lease, and an operator is at work beside them, as the plan draws it.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "chaos/experiment/operator.hpp"
#include "chaos/experiment/plan.hpp"
#include "chaos/experiment/run.hpp"
#include "ordeal/pool/pool.hpp"
#include "testing/load/load_target.hpp"

namespace ordeal::chaos {

// Thread safety: all members may be called from any thread.
class PlannedCalls : public trial::LoadTarget {
 public:
  // REQUIRES: the pool outlives the last call, and close().
  PlannedCalls(pool::Pool& pool, const Plan& plan, std::uint64_t seed)
      : pool_(pool),
        plan_(plan.load),
        cancel_parts_(plan.simulated.cancel_parts),
        lease_parts_(plan.simulated.lease_parts),
        seed_(seed),
        sessions_(plan.load.sessions),
        operator_(pool, plan, agenda_) {}
  trial::Answer call(std::string_view command, std::string_view arguments,
                     TimePoint deadline) override;
  // The faults are over: from now on every session must be served, and the operator rests.
  void note_calm() {
    calm_.store(true);
    operator_.settle();
  }
  [[nodiscard]] std::vector<Operated> operations() const { return operator_.all(); }
  // Nobody touches the pool any more but those who are in a call.
  void close() { agenda_.close(); }
  // Compares what was acknowledged with what the store has. Once no call is under way.
  [[nodiscard]] SessionAccount account(const std::map<std::string, std::uint64_t>& of_other_hosts);

 private:
  // An answer: it failed.
  [[nodiscard]] std::optional<trial::Answer> count_up(std::uint64_t number, TimePoint deadline);
  // In the way that is drawn for it; `gave_up`: whether its caller did not want it any more.
  [[nodiscard]] pool::Result<pool::Reply> ask(std::string_view command, std::string_view arguments,
                                              pool::CallOptions options, TimePoint deadline,
                                              pool::core::Random& random, bool& gave_up);
  pool::Pool& pool_;
  const LoadPlan plan_;
  const std::uint32_t cancel_parts_, lease_parts_;
  const std::uint64_t seed_;
  std::atomic<std::uint64_t> turns_{0};
  std::atomic<bool> calm_{false};
  std::mutex mutex_;
  std::vector<SessionSeen> sessions_;
  Operator operator_;
  Agenda agenda_;  // ends first: what it does is the others'
};

// When each call is due, for a load with a rate, from its start. Empty: it has none.
[[nodiscard]] std::vector<pool::core::Duration> arrivals_of(const LoadPlan& plan,
                                                            std::uint64_t seed);

}  // namespace ordeal::chaos
