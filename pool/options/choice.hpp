// A member of an enum type as a named choice, and back. Only the rows of the table use it.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "pool/options/table.hpp"

namespace ordeal::pool::options {

// `names` in the enum's order. A value outside the enum becomes its number, which check() refuses.
template <typename Enum>
[[nodiscard]] Value get_choice(Enum value, std::span<const std::string_view> names) {
  const auto index = static_cast<std::size_t>(value);
  return index < names.size() ? std::string{names[index]} : std::to_string(index);
}

// REQUIRES: the value is one of `names` (check() has seen to it); else nothing changes.
template <typename Enum>
void set_choice(Enum& member, const Value& value, std::span<const std::string_view> names) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == std::get<std::string>(value)) member = static_cast<Enum>(i);
  }
}

}  // namespace ordeal::pool::options
