// What pool and worker agree on before the first request.
//
//     pool:    ping, id 0, args {"initialization":true,"worker_id":"7",
//                                "ordeal":{"protocol":1,"capabilities":["cancel","context",...]}}
//     kit:     a success with "ordeal":{"protocol":1,"capabilities":[...],"slots":1} in its result
//     DSPex:   a success whose result is any object without "ordeal": nothing is agreed
//
// The worker is ready iff the reply has id 0, is a success, and its result is an object (DSPex's
// own rule; no status member is asked for). A capability is agreed iff the pool offered it and the
// worker claims it; names that the pool does not know are passed over.
//
// To add a capability: a value in Capability, its name in the table of handshake.cpp, its row in
// README.md. `chunk`, `priority` and `slots` are reserved names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "ordeal/pool/error.hpp"

namespace ordeal::pool::wire {

inline constexpr std::uint64_t protocol_version = 1;
inline constexpr std::uint32_t slots_declared_max = 1024;

enum class Capability : std::uint8_t {
  cancel,        // understands $cancel while a request runs
  context,       // wants `context` in requests
  error_object,  // sends errors as {type, message, retryable, traceback}
  progress,      // reports on a side channel that a long request is alive
  stack_dump,    // dumps its Python stacks when asked to, before it is killed
  heartbeat,     // says on the side channel, at the pace asked for, that its interpreter runs
  session,       // takes a request's session from `context`, and wants `args` as the caller gave it
};
inline constexpr std::size_t capability_count = 7;
[[nodiscard]] std::string_view to_string(Capability capability);

// A set of capabilities.
class Capabilities {
 public:
  constexpr Capabilities() = default;
  [[nodiscard]] static constexpr Capabilities all() {
    Capabilities set;
    set.bits_ = (1U << capability_count) - 1;
    return set;
  }
  constexpr Capabilities& add(Capability capability) {
    bits_ |= 1U << static_cast<unsigned>(capability);
    return *this;
  }
  constexpr Capabilities& remove(Capability capability) {
    bits_ &= ~(1U << static_cast<unsigned>(capability));
    return *this;
  }
  [[nodiscard]] constexpr bool has(Capability capability) const {
    return (bits_ >> static_cast<unsigned>(capability) & 1U) != 0;
  }
  friend constexpr bool operator==(Capabilities a, Capabilities b) = default;

 private:
  std::uint32_t bits_ = 0;
};

struct Handshake {
  std::optional<std::uint64_t> protocol;  // nothing: a plain DSPex bridge
  Capabilities agreed;
  std::uint32_t slots = 1;
};

// REQUIRES: `result` is JSON text, as a reply carries it. Errors: protocol_unsupported (names both
// versions); handshake_failed (the result is no object, or its "ordeal" member is not as above).
[[nodiscard]] Result<Handshake> decode_handshake(std::string_view result, Capabilities offered);

}  // namespace ordeal::pool::wire
