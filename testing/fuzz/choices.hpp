// Bytes as a source of choices: what a fuzzer draws instead of chance.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace ordeal::trial {

class Choices {
 public:
  Choices(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}

  [[nodiscard]] bool empty() const { return size_ == 0; }
  // 0 for ever once the bytes are used up.
  [[nodiscard]] std::uint32_t below(std::uint32_t bound) {
    if (size_ == 0 || bound == 0) return 0;
    --size_;
    return *data_++ % bound;
  }
  [[nodiscard]] std::string_view take(std::size_t count) {
    count = std::min(count, size_);
    const std::string_view bytes{reinterpret_cast<const char*>(data_), count};
    data_ += count;
    size_ -= count;
    return bytes;
  }
  [[nodiscard]] std::string_view rest() { return take(size_); }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
};

// What a fuzzer takes for a finding, with the sentence in front of its report.
inline void must(bool holds, std::string_view sentence) {
  if (holds) return;
  std::fprintf(stderr, "broken: %.*s\n", static_cast<int>(sentence.size()), sentence.data());
  std::abort();
}

}  // namespace ordeal::trial

// The target of a fuzzer: any bytes are fine, unless this crashes. Named as libFuzzer wants it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
