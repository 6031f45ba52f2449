// Names for tickets and workers inside the core.
//
// Invariants: a serial is never reused within a pool; an index is a dense slot in a table (so that
// a look-up is an array access, not a hash) and is reused only after its owner is gone. Two ids are
// the same iff their serials are.
#pragma once

#include <cstdint>

namespace ordeal::pool::core {

// A request from submit to outcome. The feeder of events (runtime, simulator) chooses the index:
// dense, not in use by an unresolved ticket; and the serial: strictly increasing.
struct TicketId {
  std::uint32_t index = 0;
  std::uint64_t serial = 0;  // 0: none
  friend constexpr bool operator==(TicketId a, TicketId b) { return a.serial == b.serial; }
  explicit constexpr operator bool() const { return serial != 0; }
};

// A worker from spawn to reaped. Made by the core.
struct WorkerId {
  std::uint32_t index = 0;
  std::uint64_t serial = 0;  // 0: none; shown to people as "worker 7"
  friend constexpr bool operator==(WorkerId a, WorkerId b) { return a.serial == b.serial; }
  explicit constexpr operator bool() const { return serial != 0; }
};

// A circuit breaker's key. The feeder of events chooses the index: dense; and the serial: strictly
// increasing with each key that it gives a place to (breakers.hpp).
struct CircuitId {
  std::uint32_t index = 0;
  std::uint64_t serial = 0;  // 0: none
  friend constexpr bool operator==(CircuitId a, CircuitId b) { return a.serial == b.serial; }
  explicit constexpr operator bool() const { return serial != 0; }
};

}  // namespace ordeal::pool::core
