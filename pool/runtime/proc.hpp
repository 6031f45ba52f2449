// What /proc says of a process.
#pragma once

#include <cstdint>

namespace ordeal::pool::runtime {

// Resident set in KiB; -1 if it cannot be read (the process may be gone).
[[nodiscard]] std::int64_t resident_kib(int pid);

}  // namespace ordeal::pool::runtime
