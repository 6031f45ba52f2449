// Checks that a text is JSON to its last byte, and reports the members of its outermost object.
// Internal to pool/wire: simdjson finds the tokens and checks UTF-8 (its stage 1); one walk over
// the tokens checks the grammar. No tree, no number or string is converted, and nothing is
// allocated once the scratch has grown to the usual size.
//
// Why not simdjson's own walk: it refuses integers beyond 64 bits and lone surrogates, which are
// JSON, and with which a caller may be able to deal; and it does not look at what it skips.
//
// Limits: nesting_max levels. Thread-safe: one scratch (json_tokens.hpp) for each thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pool/wire/json_text.hpp"
#include "pool/wire/json_tokens.hpp"

namespace ordeal::pool::wire {

inline constexpr std::size_t nesting_max = 1024;

enum class JsonKind : std::uint8_t {
  object,
  array,
  string,
  number,
  boolean,
  null
};
[[nodiscard]] std::string_view to_string(JsonKind kind);
// REQUIRES: `text` is the text of a JSON value.
[[nodiscard]] JsonKind kind_of(std::string_view text);

// Python's json module writes NaN, Infinity and -Infinity unless told otherwise.
enum class Constants : std::uint8_t {
  refused,
  passed
};

// One member of the outermost object, in the order of the text. `key` is what stands between the
// quotes, escapes and all; `value` is the exact text.
using OnMember = void (*)(void* context, std::string_view key, std::string_view value);

// Returns the first flaw, or nothing. Members before a flaw may have been reported.
[[nodiscard]] std::optional<JsonFlaw> scan_json(std::string_view text, Constants constants,
                                                OnMember on_member, void* context);

// scan_json() for any callable (key, value), and with the escapes in keys resolved.
template <typename Callable>
[[nodiscard]] std::optional<JsonFlaw> scan_members(std::string_view text, Constants constants,
                                                   Callable on_member) {
  const OnMember forward = [](void* context, std::string_view key, std::string_view value) {
    auto& callable = *static_cast<Callable*>(context);
    if (key.find('\\') == std::string_view::npos) {
      callable(key, value);
    } else {
      callable(std::string_view(unescaped(key)), value);
    }
  };
  return scan_json(text, constants, forward, &on_member);
}

// "a comma or a closing bracket is missing at byte 12".
[[nodiscard]] std::string describe(const JsonFlaw& flaw);

}  // namespace ordeal::pool::wire
