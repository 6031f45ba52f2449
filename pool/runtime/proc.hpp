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

// `unknown` if there is no such process.
[[nodiscard]] ProcessState process_state(int pid);

// That all threads of it have had; nothing if it cannot be read.
[[nodiscard]] std::optional<core::Duration> processor_time(int pid);

// What all of its threads do, but for the kit's heartbeat. `locked` only if it is certain: each
// waits for a futex of this address space, without a time limit; and no child, and no handler of an
// alarm, could yet make one of them go on. REQUIRES: a child of ours that is not reaped.
[[nodiscard]] core::Sign sign_of(int pid);

// The kernel's function that it sleeps in; empty if it does not, or if that may not be known.
[[nodiscard]] std::string waits_in(int pid);

}  // namespace ordeal::pool::runtime
