// What is to be done after an error, done: in the background, bounded, with one outcome each.
//
//     Recovery recovery(*pool, {.failover_pool = &*spare});
//     auto id = recovery.handle(error, {.command = "predict", .arguments = text, .idempotent =
//     true},
//                               [](const RecoveryResult& result) { ... });
//     if (id) recovery.cancel(*id);
//
// What follows from an error is recovery_plan() unless `decide` says otherwise: try again in the
// pool, let a second pool or a handler do it, break the circuit that guards such calls (they are
// refused with circuit_open, until trials go well), or give up. Nothing is run
// again that must not run again (strategy.hpp's rule): then the plan is `abandon`.
//
// Invariants (behaviour spec, part B, 44):
//   (1) Every accepted recovery ends in exactly one of succeeded, failed, cancelled, timed_out; its
//       callback runs exactly once, on the callback thread of the first pool (if that is gone, on
//       the thread that ends it).
//   (2) initiated = succeeded + failed + cancelled + timed_out + active, at every instant.
//   (3) active <= max_concurrent; one more is refused with recovery_capacity_exceeded.
//   (4) An answer says where it comes from (`via`): never is another's passed off as the pool's.
//   (5) What comes for a recovery that has ended changes nothing; it is counted as stale.
//
// Thread safety: as Pool. All members are legal in callbacks. Destruction cancels what is active
// and waits for its callbacks; in a callback of the first pool it does not wait.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "ordeal/pool/call.hpp"
#include "ordeal/pool/pool.hpp"
#include "ordeal/pool/recovery_plan.hpp"

namespace ordeal::pool {

namespace runtime {
class RecoveryBook;
}

// The request that failed.
struct RecoveryRequest {
  std::string command;
  std::string arguments = "{}";  // JSON text, as JsonText
  ErrorContext context{};        // context.idempotent is the request's
  std::string label;
  std::string traceparent;
  std::string breaker_key;  // as CallOptions::breaker_key
  // Shortens recovery_deadline(); an instant, or from handle() on.
  std::optional<Deadline> deadline{};
};

using RecoveryId = std::uint64_t;

struct RecoveryResult {
  RecoveryId id = 0;
  RecoveryOutcome outcome = RecoveryOutcome::failed;
  RecoveryAction via = RecoveryAction::abandon;  // what was done
  Error cause;                                   // what it was to recover from
  // The answer iff succeeded; else why not (abandon, circuit_break: the cause itself).
  Result<Reply> reply{tl::unexpect, Error{}};
  std::chrono::nanoseconds elapsed{};
  // circuit_break: the key of the circuit that is open for it; empty: the pool has none for such
  // calls (breaker.enabled), or RecoveryOptions::breaks_circuits is false.
  std::string circuit{};
};

struct RecoveryOptions {
  std::uint32_t max_concurrent = 10;
  // Another pool that can do the same work.
  Pool* failover_pool = nullptr;
  // Answers in the pool's place; runs on the callback thread, so it should be quick. One that
  // throws has failed; one that answers after the deadline has timed out, its answer is dropped.
  std::function<Result<Reply>(const RecoveryRequest&, const Error& cause)> handler;
  // Whether circuit_break opens the circuit of the failed call in the pool (Breaker::trip).
  bool breaks_circuits = true;
  // Told which circuit the table wants broken, by the table's name; on the callback thread.
  std::function<void(std::string_view circuit, const Error& cause)> circuit_break;
  // Replaces recovery_plan() where it returns a plan. Runs in handle(). The rule that nothing runs
  // again that must not holds for its plans too, but for `custom`.
  std::function<std::optional<RecoveryPlan>(const Error&, const RecoveryRequest&)> decide;
};

class Recovery {
 public:
  using Callback = std::function<void(const RecoveryResult&)>;

  // Errors that it meets are those of `pool`. REQUIRES: max_concurrent >= 1.
  explicit Recovery(const Pool& pool, RecoveryOptions options = {});
  Recovery(Recovery&&) noexcept;
  Recovery& operator=(Recovery&&) = delete;
  ~Recovery();

  // Returns at once. Errors, and the callback then is not run: recovery_capacity_exceeded;
  // pool_stopping once a pool or this is destroyed; used_after_fork.
  [[nodiscard]] Result<RecoveryId> handle(const Error& error, RecoveryRequest request,
                                          Callback callback);
  // Gives up. What has not begun ends as cancelled; what is in a worker's hands as soon as its pool
  // lets go of it, or with its outcome if that came first. A handler that runs is not interrupted.
  // Returns whether there was such a recovery. Others are not concerned.
  bool cancel(RecoveryId id);
  [[nodiscard]] RecoveryStatistics statistics() const;

 private:
  std::shared_ptr<runtime::RecoveryBook> state_;
};

}  // namespace ordeal::pool
