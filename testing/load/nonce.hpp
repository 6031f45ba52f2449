// What marks a call as itself: 128 random bits that its worker must send back.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pool/core/random.hpp"

namespace ordeal::trial {

struct Nonce {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  friend auto operator<=>(const Nonce&, const Nonce&) = default;
};

[[nodiscard]] Nonce draw_nonce(pool::core::Random& random);
[[nodiscard]] std::string to_string(const Nonce& nonce);  // 32 hexadecimal digits

// The value of the member "nonce" in a reply's JSON text; empty if there is none of 32 digits.
[[nodiscard]] std::optional<Nonce> find_nonce(std::string_view reply_text);

}  // namespace ordeal::trial
