#include "pool/wire/json_tokens.hpp"

#include <simdjson.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <new>

#include "pool/wire/json_text.hpp"

namespace ordeal::pool::wire {
namespace {

// Where the first control character inside a string stands. For errors.
std::size_t bare_control(std::string_view text) {
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (in_string && static_cast<unsigned char>(text[i]) < 0x20) return i;
    if (text[i] == '"') in_string = !in_string;
    if (text[i] == '\\' && in_string) ++i;
  }
  return text.size();
}

}  // namespace

// Unlike its stage 2, simdjson's stage 1 reads nothing behind the text; but its portable kernel
// does, by a few bytes (3.0.1, tried with a guard page). No x86-64 with SSE 4.2 and no ARM64 runs
// it.
JsonTokens::JsonTokens()
    : kernel_reads_on_(simdjson::get_active_implementation()->name() == "fallback") {}

JsonTokens::~JsonTokens() = default;

std::optional<JsonFlaw> JsonTokens::find(std::string_view text) {
  if (text.size() > simdjson::SIMDJSON_MAXSIZE_BYTES) {
    return JsonFlaw{simdjson::SIMDJSON_MAXSIZE_BYTES, "text is longer than 4 GiB"};
  }
  reserve(text.size());
  const char* bytes = text.data();
  if (kernel_reads_on_) {
    bytes = padded_copy_.assign(text).append(simdjson::SIMDJSON_PADDING, ' ').data();
  }
  switch (stage_1_->stage1(reinterpret_cast<const std::uint8_t*>(bytes), text.size(),
                           simdjson::stage1_mode::regular)) {
    case simdjson::SUCCESS:
      break;
    case simdjson::EMPTY:
      return JsonFlaw{0, "there is no value"};
    case simdjson::UTF8_ERROR:
      return JsonFlaw{valid_utf8_prefix(text), "bytes are not UTF-8"};
    case simdjson::UNCLOSED_STRING:
      return JsonFlaw{text.size(), "a string has no end"};
    case simdjson::UNESCAPED_CHARS:
      return JsonFlaw{bare_control(text), "a string contains a bare control character"};
    default:
      return JsonFlaw{0, "text cannot be cut into tokens"};
  }
  positions_ = stage_1_->structural_indexes.get();
  count_ = stage_1_->n_structural_indexes;
  return std::nullopt;
}

void JsonTokens::trim() {
  if (!stage_1_ || stage_1_->capacity() <= kept_text_bytes_max) return;
  stage_1_.reset();
  padded_copy_ = {};
  count_ = 0;
}

void JsonTokens::reserve(std::size_t text_bytes) {
  if (stage_1_ && stage_1_->capacity() >= text_bytes) return;
  constexpr std::size_t smallest = 4096;
  const std::size_t capacity =
      std::min(std::bit_ceil(std::max(text_bytes, smallest)), simdjson::SIMDJSON_MAXSIZE_BYTES);
  stage_1_.reset();
  if (simdjson::get_active_implementation()->create_dom_parser_implementation(
          capacity, 1, stage_1_) != simdjson::SUCCESS) {
    throw std::bad_alloc{};
  }
}

}  // namespace ordeal::pool::wire
