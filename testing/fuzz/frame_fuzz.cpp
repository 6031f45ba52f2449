// The frame decoder against a naive one: any bytes, in any chunks, with any limit.
#include <cstring>
#include <optional>

#include "pool/wire/frame.hpp"
#include "testing/fuzz/choices.hpp"

using ordeal::pool::wire::FrameDecoder;
using ordeal::pool::wire::header_bytes;
using ordeal::trial::Choices;
using ordeal::trial::must;
using Status = FrameDecoder::Status;

namespace {

struct Naive {
  Status status = Status::need_more;
  std::string_view body;
};

// What is at the stream's front; takes a whole frame off it.
Naive next_of(std::string_view& stream, std::uint32_t limit) {
  if (stream.size() < header_bytes) return {};
  std::uint32_t length = 0;
  for (std::size_t i = 0; i < header_bytes; ++i) {
    length = length << 8 | static_cast<unsigned char>(stream[i]);
  }
  if (length == 0) return {Status::empty, {}};
  if (length > limit) return {Status::too_large, {}};
  if (stream.size() - header_bytes < length) return {};
  const std::string_view body = stream.substr(header_bytes, length);
  stream.remove_prefix(header_bytes + length);
  return {Status::frame, body};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Choices choices{data, size};
  const std::uint32_t limit = 1 + choices.below(256) * choices.below(256) * 8;
  const std::size_t chunk = 1 + choices.below(255);
  const std::string_view stream = choices.rest();
  FrameDecoder decoder{limit};
  std::string_view left;  // of what was given to the decoder, and is in no frame yet
  for (std::size_t given = 0; given < stream.size();) {
    const auto space = decoder.write_space();
    const std::size_t count = std::min({chunk, space.size(), stream.size() - given});
    std::memcpy(space.data(), stream.data() + given, count);
    decoder.commit(count);
    left = stream.substr(given - left.size(), left.size() + count);
    given += count;
    while (true) {
      const Naive wanted = next_of(left, limit);
      const FrameDecoder::Next next = decoder.next();
      must(next.status == wanted.status, "the decoder sees in a stream what is in it");
      if (next.status == Status::empty || next.status == Status::too_large) return 0;
      if (next.status == Status::need_more) break;
      must(next.body == wanted.body, "a body is handed out as it came");
    }
    must(decoder.unread() == left, "what is no frame yet is unread");
    must(
        decoder.buffer_bytes() <= 2 * (std::size_t{limit} + ordeal::pool::wire::chunk_bytes) + 4096,
        "memory is bounded by the limit");
  }
  return 0;
}
