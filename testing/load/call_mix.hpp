// Which calls a caller makes, and how often it rests between two.
//
// Every call carries a nonce that the worker sends back. A slow one is answered in three pieces
// with a pause between them, so that a kill meets the worker at work, or in the middle of its
// reply. Commands are those of the worker kit's zoo: echo, dribble_reply.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "pool/core/random.hpp"
#include "testing/load/nonce.hpp"

namespace ordeal::trial {

struct CallMix {
  std::uint32_t slow_percent = 15;  // of calls; the others are plain echoes
  std::chrono::milliseconds slow_pause_min{5};
  std::chrono::milliseconds slow_pause_max{20};
  std::uint32_t rest_percent = 25;  // of calls are followed by a rest of the caller
  std::chrono::milliseconds rest_min{5};
  std::chrono::milliseconds rest_max{60};
};

struct DrawnCall {
  Nonce nonce;
  std::string_view command;
  std::string arguments;
  std::chrono::milliseconds rest{0};
};

[[nodiscard]] DrawnCall draw_call(const CallMix& mix, pool::core::Random& random);

}  // namespace ordeal::trial
