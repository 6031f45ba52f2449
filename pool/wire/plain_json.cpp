#include "pool/wire/plain_json.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace ordeal::pool::wire {
namespace {

constexpr std::size_t text_bytes_max = 512;  // longer ones are for simdjson
constexpr int levels_max = 8;

#ifdef __SSE2__

// How many bytes a string may hold as they are, as far as sixteen can be looked at at once.
std::size_t plain_prefix(const char* at, const char* end) {
  const char* const begin = at;
  for (; end - at >= 16; at += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    // Signed: what is beyond ASCII counts as below the blank, too.
    const __m128i low = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20));
    const __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    const __m128i escape = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    const int special = _mm_movemask_epi8(_mm_or_si128(low, _mm_or_si128(quote, escape)));
    if (special != 0) {
      at += std::countr_zero(static_cast<unsigned>(special));
      break;
    }
  }
  return static_cast<std::size_t>(at - begin);
}

#else

// One byte in all eight places.
constexpr std::uint64_t each(unsigned char byte) { return 0x0101010101010101U * byte; }
// The top bit of each byte that is zero; perhaps of others above it, too.
constexpr std::uint64_t zeroes(std::uint64_t bytes) {
  return (bytes - each(1)) & ~bytes & each(0x80);
}

// How many bytes a string may hold as they are, in eights; perhaps there are more.
std::size_t plain_prefix(const char* at, const char* end) {
  const char* const begin = at;
  for (; end - at >= 8; at += 8) {
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, at, sizeof bytes);
    const std::uint64_t control = (bytes - each(0x20)) & ~bytes & each(0x80);
    const std::uint64_t beyond_ascii = bytes & each(0x80);
    if ((control | beyond_ascii | zeroes(bytes ^ each('"')) | zeroes(bytes ^ each('\\'))) != 0) {
      break;
    }
  }
  return static_cast<std::size_t>(at - begin);
}

#endif

bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Look {
 public:
  Look(std::string_view text, OnMember on_member, void* context)
      : at_(text.data()),
        end_(text.data() + text.size()),
        on_member_(on_member),
        context_(context) {}

  bool whole_object() { return here('{') && container(1) && at_ == end_; }

 private:
  [[nodiscard]] bool here(char c) const { return at_ != end_ && *at_ == c; }
  bool take(char c) {
    if (!here(c)) return false;
    ++at_;
    return true;
  }
  void skip_spaces() {
    while (here(' ')) ++at_;
  }

  bool value(int level) {
    if (at_ == end_) return false;
    switch (*at_) {
      case '"':
        return string();
      case '{':
      case '[':
        return level < levels_max && container(level + 1);
      case 't':
        return word("true");
      case 'f':
        return word("false");
      case 'n':
        return word("null");
      default:
        return whole_number();
    }
  }

  bool container(int level) {
    const bool is_object = *at_++ == '{';
    const char close = is_object ? '}' : ']';
    skip_spaces();
    if (take(close)) return true;
    while (true) {
      std::string_view key;
      if (is_object) {
        const char* const quote = at_;
        if (!here('"') || !string()) return false;
        key = {quote + 1, static_cast<std::size_t>(at_ - quote - 2)};
        skip_spaces();
        if (!take(':')) return false;
        skip_spaces();
      }
      const char* const begin = at_;
      if (!value(level)) return false;
      if (level == 1 && on_member_ != nullptr) {
        on_member_(context_, key, {begin, static_cast<std::size_t>(at_ - begin)});
      }
      skip_spaces();
      if (take(close)) return true;
      if (!take(',')) return false;
      skip_spaces();
    }
  }

  bool string() {
    ++at_;
    at_ += plain_prefix(at_, end_);
    for (; at_ != end_; ++at_) {
      const auto byte = static_cast<unsigned char>(*at_);
      if (byte == '"') {
        ++at_;
        return true;
      }
      if (byte < 0x20 || byte >= 0x80 || byte == '\\') return false;
    }
    return false;
  }

  bool whole_number() {
    static_cast<void>(take('-'));
    if (!take('0')) {
      const char* const digits = at_;
      while (at_ != end_ && is_digit(*at_)) ++at_;
      if (at_ == digits) return false;
    }
    // What goes on is a fraction, or no number.
    return at_ != end_ && (*at_ == ',' || *at_ == '}' || *at_ == ']' || *at_ == ' ');
  }

  bool word(std::string_view whole) {
    if (std::string_view(at_, static_cast<std::size_t>(end_ - at_)).substr(0, whole.size()) !=
        whole)
      return false;
    at_ += whole.size();
    return true;  // what must follow, a comma or a closing bracket, is looked for by the container
  }

  const char* at_;
  const char* const end_;
  const OnMember on_member_;
  void* const context_;
};

}  // namespace

bool is_plainly_an_object(std::string_view text, OnMember on_member, void* context) {
  return text.size() <= text_bytes_max && Look(text, on_member, context).whole_object();
}

}  // namespace ordeal::pool::wire
