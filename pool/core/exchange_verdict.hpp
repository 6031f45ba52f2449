// How one exchange with a worker ended, in the words that wire (which judges) and core (which
// decides what follows) share.
#pragma once

#include <cstdint>

namespace ordeal::pool::core {

// How much of the request frame had been handed to the kernel when the exchange ended.
enum class WireProgress : std::uint8_t {
  untouched,  // not a byte: it did not happen, whatever else is wrong
  partial,    // some: the stream is out of step, the worker cannot be kept
  written,    // all: the worker may have acted on it
};

enum class ExchangeVerdict : std::uint8_t {
  replied,            // a success reply with the awaited id
  application_error,  // an error reply with the awaited id: the worker is as good as before
  violated,           // the worker broke the protocol; the code says how
  lost,               // end of file, broken pipe, or told by the core that the worker is gone
  timed_out,          // the deadline passed first
  cancelled,          // the caller gave up first
};

}  // namespace ordeal::pool::core
