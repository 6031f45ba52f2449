// What a Lease holds: the ticket whose grant it is, and how its last call ended.
// Used by one thread at a time (the lease's owner).
#pragma once

#include <memory>
#include <string>

#include "pool/runtime/engine.hpp"

namespace ordeal::pool::runtime {

class Sessions;

struct LeaseState {
  std::weak_ptr<Engine> engine;
  std::weak_ptr<Sessions> sessions;
  std::string session;  // of all its calls; empty: each says its own, or none
  TicketSlot* slot = nullptr;
  std::uint64_t worker = 0;
  core::event::ExchangeEnded last;  // as the core will be told when the lease is given back
  std::optional<Error> broken;      // set once: every later call returns it
};

}  // namespace ordeal::pool::runtime
