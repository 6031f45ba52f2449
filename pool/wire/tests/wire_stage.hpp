// What the tests of pool/wire share: bytes of frames and replies, and a hand that feeds a channel.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

#include "pool/wire/exchange.hpp"
#include "pool/wire/frame.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool::wire {

inline std::string framed(std::string_view body) {
  std::string frame(header_bytes, '\0');
  store_length(frame.data(), static_cast<std::uint32_t>(body.size()));
  return frame.append(body);
}

inline std::string header_of(std::uint32_t length) {
  std::string header(header_bytes, '\0');
  store_length(header.data(), length);
  return header;
}

inline std::string success(std::uint64_t id, std::string_view result) {
  return framed("{\"id\":" + std::to_string(id) + ",\"success\":true,\"result\":" +
                std::string(result) + ",\"timestamp\":1700000000.123}");
}

inline std::string failure(std::uint64_t id, std::string_view error) {
  return framed("{\"id\":" + std::to_string(id) + ",\"success\":false,\"error\":" +
                std::string(error) + ",\"timestamp\":1700000000.123}");
}

// Reads `bytes` into the channel, at most `chunk` at a time, until something has been decided;
// returns how many bytes it took.
inline std::size_t feed(Channel& channel, std::string_view bytes, std::size_t chunk = SIZE_MAX) {
  std::size_t taken = 0;
  while (taken < bytes.size()) {
    const auto space = channel.read_space();
    const std::size_t n = std::min({chunk, space.size(), bytes.size() - taken});
    std::memcpy(space.data(), bytes.data() + taken, n);
    channel.on_read(n);
    taken += n;
    if (channel.is_draining() ? channel.fault().code != ErrorCode::none
                              : channel.result().has_value()) {
      break;
    }
  }
  return taken;
}

inline void idle_read(Channel& channel, std::string_view bytes) {
  const auto space = channel.read_space();
  std::memcpy(space.data(), bytes.data(), bytes.size());
  channel.on_idle_read(bytes.size());
}

// Starts an exchange and writes all of its request.
inline void start_written(Channel& channel, std::uint64_t id, std::string_view frame) {
  channel.start(id, frame, core::never);
  channel.on_written(frame.size());
}

}  // namespace ordeal::pool::wire
