// Callers for a run of any length: every call is accounted for, and none is remembered, so that the
// memory of the host says something about the pool.
//
// Invariants:
//   (1) Each call that was sent is counted once, as ok, failed, indeterminate or lost. It is lost
//       if it has no outcome by its deadline + trial::lost_after, told by the thread that sweeps;
//       an outcome that comes later changes nothing.
//   (2) A nonce says whether its call was idempotent (three quarters are): whoever finds the nonce
//       elsewhere, in a relay's list of executions, knows it, too.
//
// Thread safety: the object belongs to one thread, the one that sweeps.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "ordeal/pool/pool.hpp"
#include "testing/load/call_mix.hpp"
#include "testing/load/history.hpp"

namespace ordeal::chaos {

struct CountedTotals {
  std::uint64_t sent = 0, ok = 0, failed = 0, indeterminate = 0, lost = 0;
  std::uint64_t mixed_up = 0;                   // ok, with the nonce of another call
  std::uint64_t idempotent = 0;                 // of those sent
  std::uint64_t idempotent_ok = 0;              //
  std::uint64_t tried_again = 0;                // ok, not at the first attempt
  std::uint64_t attempts_cut_short = 0;         // by a worker's death, the request in its hands
  std::uint64_t tried_twice = 0;                // not idempotent, and written to two workers
  std::map<std::string, std::uint64_t> errors;  // by code
};

struct CountedOptions {
  std::uint32_t callers = 8;
  std::chrono::milliseconds deadline{10'000};
  std::uint32_t retries = 5;  // of idempotent calls
  std::uint64_t seed = 0;
  trial::CallMix mix;
};

[[nodiscard]] inline bool is_idempotent(const trial::Nonce& nonce) {
  return (nonce.high >> 62U) != 3;
}

// So many calls are made in all; loads that share one share them out as they come.
class CallsLeft {
 public:
  explicit CallsLeft(std::uint64_t calls) : left_(static_cast<std::int64_t>(calls)) {}
  [[nodiscard]] bool take() { return left_.fetch_sub(1) > 0; }
  void none() { left_.store(0); }

 private:
  std::atomic<std::int64_t> left_;
};

class CountedLoad {
 public:
  // `on_ended`: on a caller's thread that has made its last call. The pool must live until all
  // callers have ended, or for ever if ended() never gets true.
  CountedLoad(pool::Pool& pool, const CountedOptions& options, std::shared_ptr<CallsLeft> calls,
              std::function<void()> on_ended);
  ~CountedLoad();  // joins those who ended, leaves the others behind
  CountedLoad(const CountedLoad&) = delete;
  CountedLoad& operator=(const CountedLoad&) = delete;

  // Marks calls as lost. Returns the next instant at which one could be.
  trial::TimePoint sweep(trial::TimePoint now);
  [[nodiscard]] CountedTotals totals() const;
  [[nodiscard]] bool all_ended() const;    // no caller is at work, or all those are lost
  [[nodiscard]] bool left_behind() const;  // a caller never came back

 private:
  struct Shared;
  struct Caller;
  static void run(const std::shared_ptr<Shared>& shared, const std::shared_ptr<Caller>& caller);
  static void call_once(const Shared& shared, Caller& caller);

  std::shared_ptr<Shared> shared_;
  std::vector<std::shared_ptr<Caller>> callers_;
};

}  // namespace ordeal::chaos
