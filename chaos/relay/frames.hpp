// What the relay does to frames, as pure functions: bytes in, bytes out. Packet-4: a big-endian
// length of four bytes, then that many bytes of JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pool/core/random.hpp"

namespace ordeal::chaos {

// Cuts a stream into whole frames (header included). Not thread-safe.
class FrameCutter {
 public:
  void add(std::string_view bytes) { buffer_.append(bytes); }
  [[nodiscard]] std::optional<std::string> next();
  // What is left of a frame that never came to its end, or stands behind the last one.
  [[nodiscard]] std::string rest() { return std::move(buffer_); }

 private:
  std::string buffer_;
};

[[nodiscard]] std::string frame_of(std::string_view body);
[[nodiscard]] std::string_view body_of(std::string_view frame);
// The number of the first member "id"; empty if there is none.
[[nodiscard]] std::optional<std::int64_t> id_of(std::string_view frame);
[[nodiscard]] std::string with_id(std::string_view frame, std::int64_t id);
[[nodiscard]] bool is_ping(std::string_view frame);
// 32 hexadecimal digits behind "nonce"; empty if there are none.
[[nodiscard]] std::string nonce_of(std::string_view frame);

[[nodiscard]] std::string garbled(std::string_view frame, pool::core::Random& random);
[[nodiscard]] std::string with_flipped_bit(std::string_view frame, pool::core::Random& random);
[[nodiscard]] std::string oversized(std::string_view frame);
// A request of the relay's own, under an id that no pool gets to.
inline constexpr std::int64_t own_id = 9'000'000'000'000'000;
[[nodiscard]] std::string own_request(std::string_view command, std::string_view arguments);

}  // namespace ordeal::chaos
