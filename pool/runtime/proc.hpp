// What /proc says of a process.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "ordeal/pool/diagnosis.hpp"
#include "pool/core/time.hpp"
#include "pool/core/vigil.hpp"

namespace ordeal::pool::runtime {

// Resident set in KiB; -1 if it cannot be read (the process may be gone).
[[nodiscard]] std::int64_t resident_kib(int pid);

// Whether it has a handler for this signal. REQUIRES: a child of ours that is not reaped.
[[nodiscard]] bool catches_signal(int pid, int signal);

// The state in a process's or a thread's /proc/.../stat; '?' if it cannot be read.
[[nodiscard]] char state_letter(const std::string& stat_file);
// `unknown` if there is no such process.
[[nodiscard]] ProcessState process_state(int pid);

// What all threads of a process have had of the processors since it began; nothing if it cannot be
// read. What one has waited for its present turn is counted when that comes.
struct ProcessorUse {
  core::Duration ran{};
  core::Duration waited{};  // could have run, and did not get a processor
  bool wants_one = false;   // one of them runs now, or could
};
[[nodiscard]] std::optional<ProcessorUse> processor_use(int pid);

// What all of its threads do, but for the kit's heartbeat. `locked` only if it is certain: each
// waits for a futex of this address space, without a time limit; and no child, and no handler of an
// alarm, could yet make one of them go on. REQUIRES: a child of ours that is not reaped.
[[nodiscard]] core::Sign sign_of(int pid);

// The kernel's function that it sleeps in; empty if it does not, or if that may not be known.
[[nodiscard]] std::string waits_in(int pid);

}  // namespace ordeal::pool::runtime
