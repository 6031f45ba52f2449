// The calls of an experiment's load: idempotent or not, tried again or not, with or without a
// session that is counted up first.
#pragma once

#include <memory>

#include "chaos/experiment/plan.hpp"
#include "chaos/experiment/run.hpp"
#include "ordeal/pool/pool.hpp"
#include "testing/load/load_target.hpp"

namespace ordeal::chaos {

class PlannedCalls : public trial::LoadTarget {
 public:
  // REQUIRES: the pool outlives the last call.
  PlannedCalls(pool::Pool& pool, const LoadPlan& plan) : pool_(pool), plan_(plan) {}
  trial::Answer call(std::string_view command, std::string_view arguments,
                     TimePoint deadline) override;
  // An update of a session in a file waits for somebody else's lock, deadline or not.
  [[nodiscard]] milliseconds patience() const override;
  // Compares what was acknowledged with what the store has. Once no call is under way.
  [[nodiscard]] SessionAccount account();

 private:
  [[nodiscard]] std::optional<trial::Answer> count_up();  // an answer: it failed
  pool::Pool& pool_;
  const LoadPlan plan_;
  std::atomic<std::uint64_t> turns_{0};
  std::atomic<std::uint64_t> acknowledged_{0};
  std::atomic<std::uint64_t> unknown_{0};
};

// When each call is to begin, for a load with a rate: milliseconds since its start, one a call.
[[nodiscard]] std::vector<std::int64_t> arrivals_of(const LoadPlan& plan);

}  // namespace ordeal::chaos
