// How often what goes wrong in a simulated world, by itself and without a schedule.
#pragma once

#include <cstdint>

namespace ordeal::trial {

// Parts of 1000. Of starts:
struct FaultRates {
  std::uint32_t spawn_fails = 0;   // the system makes no process
  std::uint32_t start_exits = 0;   // dies before it is ready
  std::uint32_t start_faults = 0;  // answers the handshake with nonsense
  std::uint32_t start_hangs = 0;   // never gets ready
  std::uint32_t stubborn = 0;      // leaves neither when asked nor on SIGTERM
  std::uint32_t dies_idle = 0;     // some time after it got ready, whatever it is doing then
  // Of grants:
  std::uint32_t dies_busy = 0;
  std::uint32_t closes_stream = 0;  // ends its stream and lives on
  std::uint32_t hangs = 0;          // never answers
  std::uint32_t late = 0;           // answers some time behind the deadline
  std::uint32_t violates = 0;       // breaks the protocol
  std::uint32_t stray = 0;          // answers, and then says more
  std::uint32_t unusable = 0;       // found out before a byte is written
  std::uint32_t partial = 0;        // stops reading in the middle of the request
  std::uint32_t application_error = 0;
  // Of pings:
  std::uint32_t locks =
      0;  // of grants that hang: in a lock cycle, in full view; of looks: for a moment
  std::uint32_t reports = 0;        // of looks: it has reported progress since the last one
  std::uint32_t hangs_idle = 0;     // answers nothing any more, neither pings nor requests
  std::uint32_t slow_ping = 0;      // answers when its time may be over: some flap
  std::uint32_t ping_errors = 0;    // answers with an error
  std::uint32_t callers_fault = 0;  // of those errors
};

}  // namespace ordeal::trial
