// A closed loop of callers: each sends a call, waits for its outcome, perhaps rests, and so on.
//
// Outcomes are watched from outside the calling threads: sweep() finds calls that have none by
// their deadline + lost_after, so that a pool which never returns is found out as well. Its caller
// is then left behind: its thread and what it uses live as long as the process.
//
// Thread safety: the object belongs to one thread, the one that sweeps. Callers share nothing but
// the target.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "pool/core/time.hpp"
#include "testing/load/call_mix.hpp"
#include "testing/load/history.hpp"
#include "testing/load/load_target.hpp"

namespace ordeal::trial {

struct LoadOptions {
  std::uint32_t callers = 8;
  std::chrono::milliseconds deadline{10'000};  // of each call
  // If given: each call's is drawn, evenly, from this to that.
  std::optional<std::chrono::milliseconds> deadline_min{};
  std::uint64_t seed = 0;
  CallMix mix;
  // When calls are due, from the start, ascending (arrivals.hpp). Whoever is free takes the next
  // one and rests until then, instead of as the mix has it; if all are busy, it begins late, and
  // its latency counts from when it was due. After the last one the callers end. Empty: as the mix
  // has it.
  std::vector<pool::core::Duration> arrivals;
  // Wakes whoever sweeps: called on a caller's thread when that caller has ended. May be empty.
  std::function<void()> on_caller_ended;
};

struct LoadCounts {
  std::uint64_t sent = 0;
  std::uint64_t ok = 0;
  std::uint64_t lost = 0;
  std::uint32_t callers_at_work = 0;  // neither ended nor lost
};

class ClosedLoop {
 public:
  ClosedLoop(std::shared_ptr<LoadTarget> target, const LoadOptions& options);
  ~ClosedLoop();  // ask_to_end(); joins those who return, leaves the lost behind
  ClosedLoop(const ClosedLoop&) = delete;
  ClosedLoop& operator=(const ClosedLoop&) = delete;

  // No further calls; those in hand go on, resting callers wake up.
  void ask_to_end();

  // Marks calls as lost whose time is over. Returns the next instant at which one could be.
  TimePoint sweep(TimePoint now);

  [[nodiscard]] LoadCounts counts() const;
  // Everything so far. Complete once callers_at_work is 0.
  [[nodiscard]] History history() const;

 private:
  struct Caller;
  struct Shared;
  static void run_caller(const std::shared_ptr<Shared>& shared,
                         const std::shared_ptr<Caller>& caller);

  std::shared_ptr<Shared> shared_;
  std::vector<std::shared_ptr<Caller>> callers_;
};

}  // namespace ordeal::trial
