// Which workers with a request in hand the pool kills for being stuck (pool/core/vigil.hpp).
#pragma once

#include <cstdint>

namespace ordeal::pool {

enum class StuckKill : std::uint8_t {
  never,   // found and told, no more
  proved,  // those of which the kernel says that they cannot go on: stopped, or a lock cycle
  silent,  // those too that have promised heartbeats and send none: C code has held the GIL for all
           // of a health interval, which a long computation in C may do as well
};

}  // namespace ordeal::pool
