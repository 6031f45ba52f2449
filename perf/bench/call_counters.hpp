// What a call costs the thread that makes it, counted instead of timed: system calls, instructions,
// allocations, sleeps. Counts do not depend on how busy the machine is, so they can be a gate.
//
// How: the measured program is a fork of this process, which traces its calling thread (ptrace).
// Some calls are made stopping at each system call, some stopping at each instruction of user code
// (their median counts), and some without tracing; what the same does around no call is subtracted.
// Other threads of the pool and its workers are not traced.
// REQUIRES: the calling process has one thread (it forks). Not for sanitizer builds.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "ordeal/pool/error.hpp"
#include "ordeal/pool/options.hpp"

namespace ordeal::perf {

enum class Counted : std::uint8_t {
  pool,
  features,  // a pool with all features on, in a session, with a sink
  control,   // the raw blocking pipe
};

struct CountOptions {
  Counted what = Counted::pool;
  pool::SpinMode spin = pool::SpinMode::off;
  bool pinned = true;                      // caller and worker on one CPU
  std::size_t payload_bytes = 64;          // of the echoed text
  std::vector<std::string> worker;         // command
  std::string functions_file;              // not empty: instructions by address, for addr2line
  std::uint32_t warm_up_calls = 500;       // buffers have grown, averages have settled
  std::uint32_t calls = 200;               // of the untraced block, and of that by system call
  std::uint32_t calls_by_instruction = 7;  // 0: instructions are not counted, which takes seconds
};

// All for one call, by the calling thread alone unless said.
struct CallCounts {
  double system_calls = 0;
  std::map<std::string, double> by_name;  // of the system calls
  double instructions = 0;                // in user mode; the median call's
  double allocations = 0;                 // calls of malloc and its kin
  double sleeps = 0;                      // voluntary context switches
  double wake_ups_of_others = 0;          // voluntary context switches of the pool's own threads
};

// Errors: those of the pool; `spawn_failed` where this machine does not permit tracing.
[[nodiscard]] pool::Result<CallCounts> count_calls(const CountOptions& options);

// How often this thread has asked for memory; counted by count_malloc.cpp, if that is linked in.
[[nodiscard]] std::uint64_t allocations_of_this_thread();
[[nodiscard]] bool allocations_are_counted();  // not under a sanitizer

}  // namespace ordeal::perf
