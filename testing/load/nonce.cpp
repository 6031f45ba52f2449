#include "testing/load/nonce.hpp"

#include <fmt/format.h>

#include <charconv>

namespace ordeal::trial {
namespace {

constexpr std::size_t half_digits = 16;
constexpr std::string_view member = "\"nonce\"";

std::optional<std::uint64_t> parse_half(std::string_view digits) {
  std::uint64_t value = 0;
  const char* last = digits.data() + digits.size();
  const auto [end, error] = std::from_chars(digits.data(), last, value, 16);
  if (error != std::errc{} || end != last) return {};
  return value;
}

}  // namespace

Nonce draw_nonce(pool::core::Random& random) {
  const std::uint64_t high = random.next();
  const std::uint64_t low = random.next();
  return {high, low};
}

std::string to_string(const Nonce& nonce) {
  return fmt::format("{:016x}{:016x}", nonce.high, nonce.low);
}

std::optional<Nonce> find_nonce(std::string_view reply_text) {
  std::size_t at = reply_text.find(member);
  if (at == std::string_view::npos) return {};
  at = reply_text.find_first_not_of(" \t\r\n:", at + member.size());
  if (at == std::string_view::npos || reply_text[at] != '"') return {};
  const std::string_view digits = reply_text.substr(at + 1, 2 * half_digits);
  const std::size_t end = at + 1 + 2 * half_digits;
  if (digits.size() != 2 * half_digits || end >= reply_text.size() || reply_text[end] != '"') {
    return {};
  }
  const auto high = parse_half(digits.substr(0, half_digits));
  const auto low = parse_half(digits.substr(half_digits));
  if (!high || !low) return {};
  return Nonce{*high, *low};
}

}  // namespace ordeal::trial
