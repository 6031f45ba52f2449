// The fault kill_worker: SIGKILL to workers of a pool, each proved.
//
//   chosen from status ──hold by pidfd, check again──> selected ──SIGKILL──> injected
//     │ gone, replaced or not ours                       pidfd readable │ within proof_max
//     v                                                                 v
//   skipped                                        unproved <──else── proved ──> recovered
//
// `recovered` is set by whoever watches the pool: the victim has gone and the pool is whole again.
// There is nothing to undo: the pool replaces what it lost.
//
// To add a fault: 1. a value like KillWorker here (options with units, describe(), a struct of what
// it did) in chaos/faults/; 2. its table in experiment_toml.cpp and its call in attack.cpp; 3. a
// test in which it has no effect and the verdict is not a pass.
#pragma once

#include <chrono>
#include <csignal>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chaos/faults/target.hpp"
#include "pool/process/file_descriptor.hpp"

namespace ordeal::chaos {

struct KillWorker {
  Target target;
  std::chrono::milliseconds proof_max{1'000};
  int signal = SIGKILL;                        // another one only to see the proof fail
  [[nodiscard]] std::string describe() const;  // "SIGKILL, proved within 1000 ms"
};

using TimePoint = std::chrono::steady_clock::time_point;

struct Victim {
  enum class State : std::uint8_t {
    skipped,
    selected,
    injected,
    unproved,
    proved,
    recovered
  };
  State state = State::skipped;
  WorkerId id;
  Target target;
  bool was_child = false;  // of this process, when it was selected
  std::string reason;      // skipped, unproved: why
  pool::process::FileDescriptor pidfd;
  TimePoint selected_at;
  TimePoint injected_at;
  TimePoint proved_at;
  TimePoint recovered_at;

  [[nodiscard]] bool is_dead() const;  // now; REQUIRES: held by its pidfd
};
[[nodiscard]] std::string_view to_string(Victim::State state);

// Holds a worker: pidfd first, then a second look that the pid is still that worker's, ours and
// alive. State selected, or skipped with the reason. `status` is asked after the pidfd is open.
[[nodiscard]] Victim hold(const WorkerId& id, const Target& target,
                          const std::function<pool::Status()>& status);

// selected -> injected, or skipped. Signals through the pidfd, never to a bare pid.
void inject(Victim& victim, const KillWorker& fault);

// injected -> proved or unproved. Waits at most fault.proof_max from the injection.
void prove(Victim& victim, const KillWorker& fault);

}  // namespace ordeal::chaos
