// Faults that strike a simulation when a schedule says so, besides those that it draws.
//
// A planned fault begins at an instant of virtual time, at workers chosen by a rule then; those
// that go on end after `duration`. The simulation draws nothing more for them than their targets.
// Of each it notes what it did: a fault that touched nothing has proved nothing.
#pragma once

#include <cstdint>
#include <vector>

#include "ordeal/pool/error.hpp"
#include "pool/core/time.hpp"

namespace ordeal::trial {

struct PlannedFault {
  enum class Kind : std::uint8_t {
    kill,           // dies at once
    terminate,      // dies soon
    freeze,         // says nothing for the duration, then all of it; with `pause`, on and off
    silence,        // neither requests nor pings are answered, for the duration
    drop,           // so many replies are lost
    delay,          // so many replies come `amount` later
    violate,        // so many replies break the protocol, by `code`
    stray,          // so many replies are followed by what nobody asked for
    truncate,       // dies in the middle of a reply
    fail_starts,    // is killed, and so many of the next starts exit before they are ready
    hang_starts,    // ... never get ready
    slow_starts,    // ... take `amount` longer
    garble_starts,  // ... answer the handshake with nonsense
  };
  enum class Rule : std::uint8_t {
    drawn,  // `workers` of them
    share,  // `workers` percent of them
    busiest,
    oldest,
    idle,
    all
  };
  Kind kind{};
  Rule rule = Rule::drawn;
  std::uint32_t workers = 1;
  std::uint32_t count = 1;  // of replies or starts
  pool::core::Duration at{};
  pool::core::Duration duration{};
  pool::core::Duration amount{};
  pool::core::Duration pause{};
  pool::ErrorCode code{};
  bool when_whole = false;  // after the one before, all workers are ready, no other goes on
};

struct PlannedNote {
  enum class What : std::uint8_t {
    injected,
    acted,  // an exchange, an answer or a start went otherwise because of it
    undone
  };
  pool::core::Instant at{};
  std::uint32_t fault = 0;
  What what{};
  std::uint64_t worker = 0;
};

}  // namespace ordeal::trial
