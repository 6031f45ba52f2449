#include "testing/load/call_mix.hpp"

#include <fmt/format.h>

namespace ordeal::trial {
namespace {

// An echoed frame is about 130 bytes: three pieces, two pauses.
constexpr int slow_piece_bytes = 50;

std::chrono::milliseconds draw_between(pool::core::Random& random, std::chrono::milliseconds low,
                                       std::chrono::milliseconds high) {
  return std::chrono::milliseconds{random.between(low.count(), high.count())};
}

}  // namespace

DrawnCall draw_call(const CallMix& mix, pool::core::Random& random) {
  DrawnCall call;
  call.nonce = draw_nonce(random);
  const std::string nonce = to_string(call.nonce);
  if (random.chance(mix.slow_percent, 100)) {
    const auto pause = draw_between(random, mix.slow_pause_min, mix.slow_pause_max);
    call.command = "dribble_reply";
    call.arguments = fmt::format(R"({{"nonce":"{}","piece":{},"apart_ms":{}}})", nonce,
                                 slow_piece_bytes, pause.count());
  } else {
    call.command = "echo";
    call.arguments = fmt::format(R"({{"nonce":"{}"}})", nonce);
  }
  if (random.chance(mix.rest_percent, 100)) {
    call.rest = draw_between(random, mix.rest_min, mix.rest_max);
  }
  return call;
}

}  // namespace ordeal::trial
