// What a Recovery (recovery.hpp) does about an error, how it ends, and what it counts.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "ordeal/pool/error.hpp"
#include "ordeal/pool/retry.hpp"
#include "ordeal/pool/strategy.hpp"

namespace ordeal::pool {

enum class RecoveryAction : std::uint8_t {
  retry,          // in the first pool, by the plan's policy
  failover,       // by failover_pool, else by the handler
  circuit_break,  // circuit_break is told; the outcome is failed
  abandon,        // the outcome is failed
  custom,         // by the handler
};
[[nodiscard]] std::string_view to_string(RecoveryAction action);

enum class RecoveryOutcome : std::uint8_t {
  succeeded,
  failed,
  cancelled,
  timed_out
};
[[nodiscard]] std::string_view to_string(RecoveryOutcome outcome);

struct RecoveryPlan {
  RecoveryAction action = RecoveryAction::abandon;
  RetryPolicy retry{};         // action retry: of the tries after the first one
  std::string_view circuit{};  // action circuit_break; a literal
};

// DSPex's table (behaviour spec, section 12) by category and severity, what is missing there as for
// major; abandon() where strategy.hpp forbids another run. A pure function.
[[nodiscard]] RecoveryPlan recovery_plan(const Error& error, const ErrorContext& context);
// critical 5 s, major 30 s, minor 60 s, warning 10 s; half of it if user facing.
[[nodiscard]] std::chrono::milliseconds recovery_deadline(Severity severity, bool user_facing);

struct RecoveryStatistics {
  std::uint64_t initiated = 0;
  std::uint64_t succeeded = 0;
  std::uint64_t failed = 0;
  std::uint64_t cancelled = 0;
  std::uint64_t timed_out = 0;
  std::uint64_t refused = 0;  // beyond max_concurrent; not in `initiated`
  std::uint64_t stale = 0;    // what came for recoveries that had ended
  std::uint32_t active = 0;
  std::chrono::nanoseconds total_time{};  // of those that ended
  [[nodiscard]] std::uint64_t ended() const { return succeeded + failed + cancelled + timed_out; }
  [[nodiscard]] std::chrono::nanoseconds average_time() const {
    return ended() == 0 ? std::chrono::nanoseconds{}
                        : total_time / static_cast<std::int64_t>(ended());
  }
  friend bool operator==(const RecoveryStatistics&, const RecoveryStatistics&) = default;
};

}  // namespace ordeal::pool
