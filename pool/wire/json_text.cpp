#include "pool/wire/json_text.hpp"

#include <array>
#include <cstdint>
#include <cstring>

namespace ordeal::pool::wire {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

bool is_plain(char c) { return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\'; }

// The letter of JSON's two-character escape for this character, or 0.
char short_escape(char c) {
  switch (c) {
    case '"':
      return '"';
    case '\\':
      return '\\';
    case '\b':
      return 'b';
    case '\f':
      return 'f';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    default:
      return 0;
  }
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The code unit of \uXXXX at `at` (the backslash). REQUIRES: the escape is good.
std::uint32_t code_unit(std::string_view text, std::size_t at) {
  std::uint32_t unit = 0;
  for (std::size_t i = at + 2; i < at + 6; ++i) {
    unit = unit << 4U | static_cast<std::uint32_t>(hex_value(text[i]));
  }
  return unit;
}

void append_utf8(std::string& out, std::uint32_t point) {
  const auto tail = [&](unsigned shift) {
    out += static_cast<char>(0x80U | (point >> shift & 0x3FU));
  };
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xC0U | point >> 6U);
    tail(0);
  } else if (point < 0x10000) {
    out += static_cast<char>(0xE0U | point >> 12U);
    tail(6), tail(0);
  } else {
    out += static_cast<char>(0xF0U | point >> 18U);
    tail(12), tail(6), tail(0);
  }
}

bool is_high_surrogate(std::uint32_t unit) { return unit >= 0xD800 && unit < 0xDC00; }
bool is_low_surrogate(std::uint32_t unit) { return unit >= 0xDC00 && unit < 0xE000; }

// Appends what the \u escape at `at` means, and returns how many bytes of `inner` it took.
std::size_t append_code_point(std::string& out, std::string_view inner, std::size_t at) {
  constexpr std::uint32_t replacement = 0xFFFD;
  const std::uint32_t unit = code_unit(inner, at);
  if (is_high_surrogate(unit) && inner.substr(at + 6, 2) == "\\u") {
    const std::uint32_t low = code_unit(inner, at + 6);
    if (is_low_surrogate(low)) {
      append_utf8(out, 0x10000 + ((unit - 0xD800) << 10U) + (low - 0xDC00));
      return 12;
    }
  }
  const bool lone = is_high_surrogate(unit) || is_low_surrogate(unit);
  append_utf8(out, lone ? replacement : unit);
  return 6;
}

}  // namespace

std::string excerpt(std::string_view bytes) {
  constexpr std::string_view ellipsis = "...";
  std::string text;
  std::size_t fits = 0;  // the length of `text` up to which an ellipsis still fits behind it
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      text += "\\n";
    } else if (c == '\\') {
      text += "\\\\";
    } else if (byte >= 0x20 && byte < 0x7F) {
      text += c;
    } else {
      text += "\\x";
      text += hex_digits[byte >> 4U];
      text += hex_digits[byte & 0xFU];
    }
    if (text.size() > excerpt_bytes_max) return text.substr(0, fits).append(ellipsis);
    if (text.size() + ellipsis.size() <= excerpt_bytes_max) fits = text.size();
  }
  return text;
}

std::size_t valid_utf8_prefix(std::string_view bytes) {
  const auto byte = [&](std::size_t i) {
    return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0U;
  };
  std::size_t at = 0;
  while (at < bytes.size()) {
    const std::uint32_t lead = byte(at);
    std::size_t length = 1;
    std::uint32_t low = 0x80;
    std::uint32_t high = 0xBF;  // what the second byte may be (RFC 3629, section 4)
    if (lead >= 0x80) {
      if (lead < 0xC2 || lead > 0xF4) return at;
      length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
      if (lead == 0xE0) low = 0xA0;
      if (lead == 0xED) high = 0x9F;
      if (lead == 0xF0) low = 0x90;
      if (lead == 0xF4) high = 0x8F;
      if (byte(at + 1) < low || byte(at + 1) > high) return at;
      for (std::size_t i = 2; i < length; ++i) {
        if (byte(at + i) < 0x80 || byte(at + i) > 0xBF) return at;
      }
    }
    at += length;
  }
  return at;
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  std::size_t from = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (is_plain(c)) continue;
    out.append(text.substr(from, i - from));
    from = i + 1;
    out += '\\';
    if (const char letter = short_escape(c); letter != 0) {
      out += letter;
    } else {
      out += "u00";
      out += hex_digits[static_cast<unsigned char>(c) >> 4U];
      out += hex_digits[static_cast<unsigned char>(c) & 0xFU];
    }
  }
  out.append(text.substr(from));
  out += '"';
}

std::size_t bad_escape(std::string_view token) {
  const char* const begin = token.data();
  const char* const end = begin + token.size() - 1;  // the closing quote
  for (const char* at = begin + 1; at < end;) {
    at = static_cast<const char*>(std::memchr(at, '\\', static_cast<std::size_t>(end - at)));
    if (at == nullptr) break;
    const auto position = static_cast<std::size_t>(at - begin);
    switch (at[1]) {
      case '"':
      case '\\':
      case '/':
      case 'b':
      case 'f':
      case 'n':
      case 'r':
      case 't':
        at += 2;
        break;
      case 'u':
        for (const char* digit = at + 2; digit < at + 6; ++digit) {
          if (digit >= end || hex_value(*digit) < 0) return position;
        }
        at += 6;
        break;
      default:
        return position;
    }
  }
  return std::string_view::npos;
}

std::string unescaped(std::string_view inner) {
  std::string out;
  out.reserve(inner.size());
  for (std::size_t at = 0; at < inner.size();) {
    const std::size_t escape = std::min(inner.find('\\', at), inner.size());
    out.append(inner.substr(at, escape - at));
    at = escape;
    if (at == inner.size()) break;
    switch (const char letter = inner[at + 1]) {
      case 'b':
        out += '\b';
        break;
      case 'f':
        out += '\f';
        break;
      case 'n':
        out += '\n';
        break;
      case 'r':
        out += '\r';
        break;
      case 't':
        out += '\t';
        break;
      case 'u':
        at += append_code_point(out, inner, at) - 2;
        break;
      default:
        out += letter;
    }
    at += 2;
  }
  return out;
}

}  // namespace ordeal::pool::wire
