#include "chaos/relay/frames.hpp"

#include <fmt/format.h>

#include <charconv>

namespace ordeal::chaos {
namespace {

constexpr std::size_t header_bytes = 4;
constexpr std::uint32_t absurd_length = 0x7fffffff;

std::string header_of(std::uint32_t length) {
  std::string header(header_bytes, '\0');
  for (std::size_t i = 0; i < header_bytes; ++i) {
    header[i] = static_cast<char>(length >> (8 * (header_bytes - 1 - i)) & 0xff);
  }
  return header;
}

std::uint32_t length_in(std::string_view header) {
  std::uint32_t length = 0;
  for (std::size_t i = 0; i < header_bytes; ++i) {
    length = length << 8 | static_cast<unsigned char>(header[i]);
  }
  return length;
}

struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
};

// Where the digits of "id" stand. Workers write it first, or nearly so; a member "id" inside
// `result` would come later.
std::optional<Span> find_id(std::string_view text) {
  constexpr std::string_view key = "\"id\"";
  std::size_t at = text.find(key);
  if (at == text.npos) return {};
  at = text.find_first_not_of(" :", at + key.size());
  if (at == text.npos) return {};
  std::size_t end = at;
  while (end < text.size() && (text[end] == '-' || (text[end] >= '0' && text[end] <= '9'))) ++end;
  if (end == at) return {};
  return Span{at, end};
}

}  // namespace

std::optional<std::string> FrameCutter::next() {
  if (buffer_.size() < header_bytes) return {};
  const std::size_t whole = header_bytes + length_in(buffer_);
  if (buffer_.size() < whole) return {};
  std::string frame = buffer_.substr(0, whole);
  buffer_.erase(0, whole);
  return frame;
}

std::string frame_of(std::string_view body) {
  return header_of(static_cast<std::uint32_t>(body.size())).append(body);
}

std::string_view body_of(std::string_view frame) { return frame.substr(header_bytes); }

std::optional<std::int64_t> id_of(std::string_view frame) {
  const auto span = find_id(body_of(frame));
  if (!span) return {};
  const std::string_view text = body_of(frame);
  std::int64_t id = 0;
  const auto read = std::from_chars(text.data() + span->begin, text.data() + span->end, id);
  if (read.ec != std::errc{}) return {};
  return id;
}

std::string with_id(std::string_view frame, std::int64_t id) {
  const auto span = find_id(body_of(frame));
  std::string body{body_of(frame)};
  if (span) body.replace(span->begin, span->end - span->begin, std::to_string(id));
  return frame_of(body);
}

bool is_ping(std::string_view frame) {
  return frame.find("\"command\":\"ping\"") != frame.npos ||
         frame.find("\"command\": \"ping\"") != frame.npos;
}

std::string nonce_of(std::string_view frame) {
  constexpr std::string_view key = "\"nonce\"";
  constexpr std::size_t digits = 32;
  std::size_t at = frame.find(key);
  if (at == frame.npos) return {};
  at = frame.find('"', at + key.size());
  if (at == frame.npos || at + 1 + digits > frame.size()) return {};
  return std::string{frame.substr(at + 1, digits)};
}

std::string garbled(std::string_view frame, pool::core::Random& random) {
  std::string body(body_of(frame).size(), '\0');
  // 0x80 and above begin nothing in UTF-8 when they come first: never JSON by chance.
  for (char& byte : body) byte = static_cast<char>(0x80 | random.below(0x40));
  return frame_of(body);
}

// In the first bytes of the body, where JSON's structure is: what a pool can find out. (A bit of a
// text inside the payload cannot be found out without a checksum, which the protocol has not.)
std::string with_flipped_bit(std::string_view frame, pool::core::Random& random) {
  std::string out{frame};
  constexpr std::size_t structure_bytes = 5;
  if (out.size() < header_bytes + structure_bytes) return out;
  char& byte = out[header_bytes + random.below(structure_bytes)];
  byte = static_cast<char>(byte ^ 0x80);
  return out;
}

std::string oversized(std::string_view frame) {
  return header_of(absurd_length).append(body_of(frame));
}

std::string own_request(std::string_view command, std::string_view arguments) {
  return frame_of(fmt::format(R"({{"id":{},"command":"{}","args":{},"timestamp":0}})", own_id,
                              command, arguments));
}

}  // namespace ordeal::chaos
