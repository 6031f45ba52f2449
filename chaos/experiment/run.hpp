// One run of an experiment against real processes: a pool, load, faults, calm, and an account.
//
//   undo leftovers -> prepare -> pool -> load ─> faults (steady before?) ─> quiet ─> load ends
//      -> everything undone and recovered? ─> stop ─> what is left behind?
//
// With `stop_under_load` the stop comes while the last fault has its effect and callers call.
//
// The main thread decides everything and waits in one place: for events, the end of callers, or
// the next due instant. run_plan() judges nothing: judge.hpp does.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "chaos/experiment/operator.hpp"
#include "chaos/experiment/strikes.hpp"
#include "chaos/faults/process_look.hpp"
#include "testing/load/closed_loop.hpp"

namespace ordeal::chaos {

// Two or three a second say enough for a time line; ten are a good picture.
struct Sample {
  TimePoint at;
  std::uint32_t serving = 0;
  std::uint32_t busy = 0;
  std::uint32_t queue_depth = 0;
  std::uint64_t sent = 0;
  std::uint64_t ok = 0;
};

struct HostUse {
  std::uint64_t descriptors = 0;
  std::int64_t rss_kib = 0;
};

// One session of the load, and what the store has of it at the end.
struct SessionSeen {
  std::uint64_t acknowledged = 0;  // updates that the pool said were stored
  std::uint64_t unknown = 0;       // updates that ended with an error
  std::uint64_t found = 0;         // at the end, in the store
  // With an affinity: calls that ended ok, and on which worker.
  std::uint64_t last_worker = 0;
  std::uint64_t kept = 0;       // by the worker of the one before
  std::uint64_t moved = 0;      // by another
  std::uint64_t calm_sent = 0;  // begun after the faults
  std::uint64_t calm_ok = 0;
};

// The same of a session of another host, which is gone.
struct OtherHostSession {
  std::string name;
  std::uint64_t acknowledged = 0;
  std::uint64_t found = 0;
};

struct SessionAccount {
  std::vector<SessionSeen> sessions;  // by number
  std::vector<OtherHostSession> of_other_hosts;
  bool checked = false;  // no call was under way, so `found` can be told
};

struct RunResult {
  trial::History history;
  std::deque<Strike> strikes;
  std::map<std::string, std::string> not_permitted;  // by fault: why
  std::vector<std::size_t> never_fired;              // entries of the plan
  std::string not_steady;  // why no fault was injected: it was not healthy before
  std::vector<Sample> samples;
  std::map<std::string, std::uint64_t> events;  // of the pool, by name
  TimePoint load_began, first_fault, quiet_began, load_ended, whole_at;
  bool whole = false;   // after the load, within recovery_max
  pool::Status status;  // then
  SessionAccount sessions;
  trial::History after_rollback;  // some calls when all is undone
  bool interrupted = false;
  std::vector<Operated> operations;
  TimePoint settled_at{};  // the operator rests since then, and the pool was whole again
  TimePoint stop_at{};     // the pool was told to stop, with callers in it; else not before its end
  std::map<std::string, std::uint32_t> executions;  // by nonce, as the relays counted
  bool with_executions = false;
  HostUse before, after;
  bool stop_returned = false;
  std::optional<std::string> broken_promise;  // with bars.promises; empty: each was kept
  std::vector<ProcessSeen> left_behind;
  std::uint64_t due = 0;  // of a load with a rate: calls due until it ended

  [[nodiscard]] bool threads_left_behind() const {
    return history.count(trial::Outcome::lost) + after_rollback.count(trial::Outcome::lost) > 0 ||
           !stop_returned;
  }
};

struct RunProgress {
  milliseconds since_start{0};
  trial::LoadCounts load;
  std::size_t strikes = 0;
  std::uint32_t serving = 0;
};

struct RunOptions {
  std::string state_folder;
  std::string relay_program;
  std::string model_program;                            // the stand-in for the model's endpoint
  std::function<void(const RunProgress&)> on_progress;  // about ten times a second
  std::function<void()> before_rollback;  // the load is over; what is not undone is undone now
  std::function<bool()> interrupted;  // asked at each turn: true ends the run, everything undone
};

// Errors: those of Pool::start, and folders that cannot be made.
[[nodiscard]] pool::Result<RunResult> run_plan(const Plan& plan, const RunOptions& options,
                                               Journal& journal);

}  // namespace ordeal::chaos
