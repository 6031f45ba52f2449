// An event as it is noted where it happens, under the engine's lock: flat, and without a string of
// its own. The PoolEvent that sinks see is made of it on the callback thread: whoever calls pays
// for some 150 bytes, not for five texts.
#pragma once

#include <cstdint>
#include <string_view>

#include "ordeal/pool/events.hpp"
#include "pool/core/action.hpp"

namespace ordeal::pool::runtime {

struct EventNote {
  core::action::Emit emit;
  core::Instant at{};
  // What outlives neither its session nor its ticket is copied into the batch's texts: from
  // texts_begin on, one behind the other, in this order.
  std::size_t texts_begin = 0;
  std::uint32_t session_bytes = 0;
  std::uint32_t breaker_bytes = 0;
  std::uint32_t command_bytes = 0;
  std::uint32_t place_bytes = 0;
  std::uint32_t label_bytes = 0;
  std::uint32_t traceparent_bytes = 0;
};

// Makes `event` what the note says, whatever it was before. `texts`: of the note's batch.
void tell(PoolEvent& event, const EventNote& note, std::string_view texts);

}  // namespace ordeal::pool::runtime
