// The tokens of a JSON text: simdjson's stage 1, which also checks UTF-8 and that strings end.
// Internal to pool/wire. The text needs no padding behind it.
//
// Memory: 4 bytes for each byte of the longest recent text, rounded up to a power of two; trim()
// gives back what texts above kept_text_bytes_max took.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace simdjson::internal {
class dom_parser_implementation;
}

namespace ordeal::pool::wire {

struct JsonFlaw {
  std::size_t position = 0;  // in bytes from the beginning of the text
  std::string_view what{};   // "a comma or a closing bracket is missing"
};

class JsonTokens {
 public:
  static constexpr std::size_t kept_text_bytes_max = 1024 * 1024;

  JsonTokens();
  ~JsonTokens();

  // Returns why the text cannot be JSON, if so.
  [[nodiscard]] std::optional<JsonFlaw> find(std::string_view text);
  [[nodiscard]] std::size_t count() const { return count_; }
  // Where the i-th token begins.
  [[nodiscard]] std::size_t operator[](std::size_t i) const { return positions_[i]; }

  // Invalidates the tokens if the text was long.
  void trim();

 private:
  void reserve(std::size_t text_bytes);

  std::unique_ptr<simdjson::internal::dom_parser_implementation> stage_1_;
  const std::uint32_t* positions_ = nullptr;
  std::size_t count_ = 0;
  bool kernel_reads_on_;  // behind the text; then padded_copy_ is used
  std::string padded_copy_;
};

}  // namespace ordeal::pool::wire
