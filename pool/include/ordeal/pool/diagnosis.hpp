// What goes on inside a pool right now, for whoever wants to know why it stands still.
//
// Holds names, numbers, states and the workers' stacks (files, functions, lines): never arguments
// or results.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ordeal/pool/error.hpp"
#include "ordeal/pool/status.hpp"

namespace ordeal::pool {

// A request that has no outcome yet.
struct RequestSight {
  std::uint64_t request = 0;
  std::string_view state;  // queued, running, backing_off, awaiting_exit
  std::string command;     // its first bytes; empty: a lease, between two calls
  std::string label;
  std::string session;  // of calls that keep to a worker
  std::string breaker;  // the key of the circuit that guards it
  bool lease = false;
  std::string place;  // of a lease: "file:line" of its checkout
  std::uint32_t attempts = 0;
  // running: that has it; queued: the only one that may have it now (its session's); 0: any
  std::uint64_t worker = 0;
  std::chrono::nanoseconds age{};        // since it was submitted
  std::chrono::nanoseconds in_worker{};  // running: since it was granted
  std::optional<std::chrono::nanoseconds> deadline_in;
};

// How the kernel sees a worker's process.
enum class ProcessState : std::uint8_t {
  unknown,
  running,   // computes
  sleeping,  // waits for something: a lock, a timer, I/O
  blocked,   // waits in the kernel, and cannot be interrupted
  stopped,   // SIGSTOP, or a debugger
  dead,
};
[[nodiscard]] std::string_view to_string(ProcessState state);

struct WorkerSight {
  std::uint64_t worker = 0;
  int pid = 0;
  std::string_view state;  // as WorkerStatus::state
  std::chrono::nanoseconds in_state{};
  ProcessState process = ProcessState::unknown;
  std::string waits_in;                 // the kernel's function that its main thread sleeps in
  std::optional<RequestSight> request;  // in hand, the oldest
  std::string stacks;                   // Python's, as faulthandler writes them; empty: see below
  std::string no_stacks;                // why there are none
  std::string_view stuck;               // as WorkerStatus::stuck
  std::string last_progress;
};

struct TimerSight {
  std::string_view timer;  // the names of core::Timer
  std::chrono::nanoseconds in{};
  std::uint64_t request = 0;  // 0: not of a request
  std::uint64_t worker = 0;   // 0: not of a worker
};

struct Diagnosis {
  Status status;
  std::vector<WorkerSight> workers;   // by serial, or the one asked for
  std::vector<RequestSight> queue;    // oldest first, at most `requests_max`
  std::vector<RequestSight> pausing;  // likewise: before a retry
  std::vector<TimerSight> timers;     // the next ones, at most `timers_max`
  // Of the workers that ended last, oldest first, at most `deaths_max`; without their stderr.
  std::vector<DeathCertificate> deaths;
  std::uint32_t start_failures = 0;  // in a row
  std::string last_start_failure;    // the error's sentence; empty: none has failed
  std::optional<std::chrono::nanoseconds> next_start_in;  // starts back off until then

  static constexpr std::size_t requests_max = 100;
  static constexpr std::size_t timers_max = 50;
  static constexpr std::size_t deaths_max = 16;
};

struct DiagnosisOptions {
  std::uint64_t worker = 0;  // this one alone; 0: all
  bool stacks = true;        // ask workers that have a request for their stacks
  std::chrono::milliseconds stacks_wait{1'000};
};

// One sentence: why the request at the queue's head waits; or, if none does, what keeps requests
// from being let in; or that nothing does. Pure.
[[nodiscard]] std::string explain(const Diagnosis& diagnosis);

}  // namespace ordeal::pool
