// One run: a pool, callers, kills on a schedule, calm, and an account of it all.
//
//   start pool ─> load ─> load + kills ─> load alone (quiet) ─> callers end ─> whole again? ─> stop
//
// The main thread decides everything and waits in one place, for the pool's events, the end of
// callers, or the next due instant. attack() judges nothing: see verdicts.hpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "chaos/faults/kill_worker.hpp"
#include "chaos/faults/process_look.hpp"
#include "chaos/journal/journal.hpp"
#include "ordeal/pool/options.hpp"
#include "ordeal/pool/status.hpp"
#include "testing/load/closed_loop.hpp"
#include "testing/load/sabotage.hpp"

namespace ordeal::chaos {

using std::chrono::milliseconds;

// A kill happens once all workers have served for `settle`, at the earliest `every` after the one
// before: as fast as the pool recovers, and no faster. `settle` lets new workers answer something:
// to a pool, workers that die one after another without an answer are starts that fail.
struct KillSchedule {
  milliseconds after{200};
  milliseconds every{100};
  milliseconds settle{50};
  std::uint32_t times_max = 1'000'000;
  std::vector<Target> targets = {Target{}};    // in turn
  [[nodiscard]] std::string describe() const;  // "busiest, one in turn, every 100 ms at most"
};

struct AttackPlan {
  std::string title;
  std::uint64_t seed = 0;
  pool::Options pool;
  trial::LoadOptions load;  // its seed and on_caller_ended are set by attack()
  KillWorker kill;          // its target is set by the schedule
  KillSchedule schedule;
  milliseconds duration{7'000};  // of the load
  milliseconds quiet{1'000};     // its last part, without kills
  milliseconds recovery_max{10'000};
  std::optional<trial::Sabotage> sabotage;  // of the pool, to see it found out
};

struct AttackResult {
  trial::History history;
  std::vector<Victim> victims;  // without those skipped
  std::uint32_t skipped = 0;    // no target, or it was gone
  std::uint32_t serving_before = 0;
  std::uint32_t serving_after = 0;  // when whole again, or when recovery_max was over
  std::uint32_t dead_at_end = 0;    // victims
  pool::Status status;              // after the load, before the stop
  bool stop_returned = false;
  std::vector<ProcessSeen> left_behind;  // children after the stop
  milliseconds load_lasted{0};

  // Selected victims that are proved dead.
  [[nodiscard]] std::uint32_t proved() const;
  [[nodiscard]] bool recovered() const;  // every one of those
  // Callers or the pool's stop did not return.
  [[nodiscard]] bool threads_left_behind() const;
};

struct Progress {
  milliseconds since_start{0};
  trial::LoadCounts load;
  std::uint32_t kills = 0;
  std::uint32_t serving = 0;
};

// Runs the plan. `on_progress` is called about ten times a second. Errors: those of Pool::start.
// If callers or the pool's stop do not return, they are left behind and the process must end by
// end_process().
[[nodiscard]] pool::Result<AttackResult> attack(
    const AttackPlan& plan, Journal& journal,
    const std::function<void(const Progress&)>& on_progress = {});

// Flushes and leaves at once: for a process with threads left behind, which still use what
// destructors would destroy.
[[noreturn]] void end_process(int exit_code);

}  // namespace ordeal::chaos
