// A fault as a value, and its life against one target.
//
//   skipped <── selected ──undo record on disk──> injected ──evidence──> proved ──> undone ──>
//   recovered
//                                                    │ no evidence within proof_max      │ cannot
//                                                    v                                   v
//                                                 unproved (undone all the same)     undo_failed
//
// A FaultKind is a row of the registry: what it is for people, its options, and five functions that
// never wait. prove(), step() and undone() are asked again and again until they have an answer:
// whoever runs the fault (experiment/strikes.hpp) does all the waiting.
//
// Invariants:
//   (1) What prove() says comes from the system (a pidfd, /proc, a cgroup's counters, the relay's
//       counters), never from inject() having returned.
//   (2) undo() works from the record alone, also in a later process; it is idempotent, and happy if
//       the target is gone. It says what it found and did; one that says nothing did nothing. What
//       lives only in this process (threads, connections) is `resource`: it ends with the process,
//       and needs no record.
//   (3) Targets are held by pidfd and start time: a pid that changed hands is never hit.
//
// To add a fault: chaos/README.md, "To add a fault".
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "chaos/faults/held_process.hpp"
#include "chaos/faults/target.hpp"
#include "ordeal/pool/events.hpp"
#include "ordeal/pool/status.hpp"
#include "pool/core/random.hpp"
#include "testing/load/history.hpp"

namespace ordeal::chaos {

class ModelEndpoint;

using json = nlohmann::json;
using std::chrono::milliseconds;
using TimePoint = std::chrono::steady_clock::time_point;
// The error is a sentence.
template <typename T>
using Attempt = tl::expected<T, std::string>;

using Values = std::map<std::string, std::int64_t, std::less<>>;

struct NamedValue {
  std::string_view name;
  std::int64_t value = 0;
};

// Every option is an integer, with its unit in its name; or one of `names`, by which experiments
// and people know it. Then min and max mean nothing.
struct OptionSpec {
  std::string_view name;
  std::int64_t min = 0;
  std::int64_t max = 0;
  std::int64_t standard = 0;
  std::string_view meaning;
  std::span<const NamedValue> names = {};

  // "EIO", or "5".
  [[nodiscard]] std::string text_of(std::int64_t value) const;
  [[nodiscard]] std::string allowed() const;  // "1 to 100", "EINTR, EIO"
};

// Who is struck. `worker` takes a target rule; the others are what they are.
enum class Aim : std::uint8_t {
  worker,
  fork_template,
  spare,
  warden,
  host,    // the process that the pool is a guest of
  starts,  // a worker is killed, and the next starts go wrong
  store,
  model  // that workers ask
};
[[nodiscard]] std::string_view to_string(Aim aim);

// One running pool and its surroundings, as faults see them.
struct Site {
  std::function<pool::Status()> status;
  std::function<pool::Subscription(pool::Sink)> subscribe;
  std::string folder;                    // of this run alone
  std::string relay_folder;              // empty: workers run without the relay
  std::string store_file;                // empty: sessions are not in a file
  std::string relay_program;             // empty: ordeal-relay beside this program
  std::shared_ptr<ModelEndpoint> model;  // null: workers ask none
  bool with_model = false;               // there is one, or will be
  pool::core::Random random{0};
  std::vector<int> burnt_pids;  // targets chosen before: a spare is struck once
  // Updates that other hosts were told are stored, by session: the store must have them.
  std::map<std::string, std::uint64_t> acknowledged;
};

struct Permit {
  bool granted = true;
  std::string reason;  // why not: what is missing on this machine, or in this experiment
};

struct FaultKind;

struct Strike {
  enum class State : std::uint8_t {
    skipped,
    selected,
    injected,
    unproved,
    proved,
    undo_failed,
    undone,
    recovered
  };
  State state = State::skipped;
  const FaultKind* kind = nullptr;
  std::uint32_t entry = 0;   // of the experiment's schedule
  std::uint32_t number = 0;  // in the run
  Values values;
  std::string target;  // as the rule was written
  WorkerId id;         // worker 0: none
  HeldProcess process;
  json memo = json::object();    // what inject() and prove() remember between them
  json record = json::object();  // what undo() needs
  std::shared_ptr<void> resource;
  std::uint64_t undo_id = 0;
  std::string reason;     // skipped, unproved, undo_failed: why
  std::string evidence;   // proved: what was seen
  std::string undo_told;  // undone: what undo() found and did
  bool was_proved = false;
  bool undo_missed = false;  // not undone in time; the rollback at the end does not make it good
  TimePoint selected_at{}, injected_at{}, proved_at{}, undone_at{}, recovered_at{};
  TimePoint undo_due{}, step_due{};
  TimePoint detected_at{};  // the pool noticed: the worker left its duty

  [[nodiscard]] std::int64_t value(std::string_view name) const {
    return values.at(std::string{name});
  }
  [[nodiscard]] bool over() const;  // nothing more will happen to it
};
[[nodiscard]] std::string_view to_string(Strike::State state);

struct FaultKind {
  std::string_view name;
  std::string_view summary;   // one line
  std::string_view proof;     // what counts as evidence
  std::string_view expected;  // what a sound pool does
  Aim aim = Aim::worker;
  bool kills = false;          // the target is not meant to survive
  bool undoes = true;          // there is something to undo after `duration`
  bool in_simulation = false;  // means something in virtual time, too
  std::vector<OptionSpec> options{};
  // What the machine and the experiment allow. Probed, not guessed.
  std::function<Permit(const Site&)> permit{};
  // Before the pool starts: what the fault needs to be there. The result is undone by undo() after
  // the pool has stopped. May be empty.
  std::function<Attempt<json>(Site&)> prepare{};
  // Before the undo record is written: fills `memo` and `record`. May be empty.
  std::function<Attempt<void>(Strike&, Site&)> plan{};
  std::function<Attempt<void>(Strike&, Site&)> inject{};
  // Evidence, or nothing yet.
  std::function<std::optional<std::string>(Strike&, Site&)> prove{};
  // For faults that go on acting: does what is due and says when it wants to be called again.
  std::function<TimePoint(Strike&, Site&)> step{};
  std::function<Attempt<std::string>(const json& record, std::shared_ptr<void>& resource)> undo{};
  std::function<bool(const json& record)> undone{};

  // "freeze_worker (at_most 3, ...)": for the journal and the time line.
  [[nodiscard]] std::string describe(const Values& values) const;
  [[nodiscard]] Values defaults() const;
  [[nodiscard]] const OptionSpec* option(std::string_view name) const;  // null: it has none such
};

// What undo() says where nobody is left to be spared.
inline constexpr std::string_view gone = "the process is gone";

// For a fault that lives in its resource alone, in this process: to undo it is to let go of that.
void undo_by_release(FaultKind& kind);

// Refuses nothing.
[[nodiscard]] inline Permit permitted(const Site&) { return {}; }
[[nodiscard]] inline Permit refused_because(std::string reason) {
  return {false, std::move(reason)};
}
using trial::time_now;

}  // namespace ordeal::chaos
