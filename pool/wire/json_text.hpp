// Strings in JSON text, and bytes in messages. Internal to pool/wire, but for excerpt().
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ordeal::pool::wire {

inline constexpr std::size_t excerpt_bytes_max = 200;

// Printable ASCII as it is, all else as \n, \\ or \xff; at most excerpt_bytes_max bytes, with
// "..." as the last three if something is left out. For errors.
[[nodiscard]] std::string excerpt(std::string_view bytes);

// The length of the longest prefix that is UTF-8.
[[nodiscard]] std::size_t valid_utf8_prefix(std::string_view bytes);

// Appends `text` as a JSON string, quotes included. REQUIRES: `text` is UTF-8.
void append_quoted(std::string& out, std::string_view text);

// Where in the JSON string `token` (quotes included) the first escape stands that JSON does not
// know; npos if nowhere. Lone surrogates are fine.
[[nodiscard]] std::size_t bad_escape(std::string_view token);

// What `inner`, the inside of a JSON string without bad escapes, means, as UTF-8. Lone surrogates
// become U+FFFD, so that an error message with one is still an error message.
[[nodiscard]] std::string unescaped(std::string_view inner);

}  // namespace ordeal::pool::wire
