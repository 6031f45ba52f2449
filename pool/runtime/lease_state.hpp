// What a Lease holds: the ticket whose grant it is, and how its last call ended.
// Used by one thread at a time (the lease's owner).
#pragma once

#include <memory>

#include "pool/runtime/engine.hpp"

namespace ordeal::pool::runtime {

struct LeaseState {
  std::weak_ptr<Engine> engine;
  TicketSlot* slot = nullptr;
  std::uint64_t worker = 0;
  core::event::ExchangeEnded last;  // as the core will be told when the lease is given back
  std::optional<Error> broken;      // set once: every later call returns it
};

}  // namespace ordeal::pool::runtime
