// The circuits of a pool, by a dense index that the feeder of events gives to each key.
//
// A CircuitId is to a key what a TicketId is to a request: the index is a place in this table, the
// serial tells owners of one place apart. A greater serial at a place means that the feeder has
// given it to another key: the circuit there begins anew. That is allowed while the place is idle.
//
// Invariants:
//   (1) users: tickets without an outcome that name the circuit. A circuit with users, or one that
//       is not as good as new, is not idle: what it knows is not lost to a newcomer.
//   (2) Nothing is allocated for a circuit that is known.
// Not thread-safe; a value.
#pragma once

#include <cstdint>
#include <vector>

#include "pool/core/circuit_breaker.hpp"
#include "pool/core/ids.hpp"
#include "pool/core/timer_queue.hpp"

namespace ordeal::pool::core {

class Breakers {
 public:
  struct Record {
    CircuitId id;  // serial 0: nobody's yet
    Circuit circuit;
    std::uint32_t users = 0;
    std::uint64_t rejected = 0;
    TimerHandle half_open;  // when that state expires
    bool refuses = false;   // has just opened: who waits behind it is to be told
  };

  Breakers(const CircuitOptions& options, std::uint64_t seed) : options_(options), seed_(seed) {}
  Breakers(const Breakers&) = delete;  // its circuits point at its options
  Breakers& operator=(const Breakers&) = delete;

  // The circuit of that key, made if it is new. REQUIRES: id.serial is that of the place's owner,
  // or greater and the place is idle.
  [[nodiscard]] Record& of(CircuitId id);
  [[nodiscard]] Record& at(std::uint32_t index) { return records_[index]; }
  [[nodiscard]] const std::vector<Record>& all() const { return records_; }
  // Closed, or open for long enough, and nobody's: what it knows may be forgotten.
  [[nodiscard]] bool idle(std::uint32_t index, Instant now) const;

 private:
  const CircuitOptions options_;
  const std::uint64_t seed_;
  std::vector<Record> records_;
};

}  // namespace ordeal::pool::core
