// Packet-4 frames out of a stream of bytes: 4 bytes of big-endian length, then the body.
//
//     read into write_space() ──▶ commit(n) ──▶ next() … until it says need_more
//
// Invariants (numbers of behaviour spec, part B):
//  (14) A length is judged before anything is allocated for it: 0 is malformed, above
//       frame_bytes_max is too large. Either ends the stream for good: nothing behind it can be
//       understood, and next() repeats the same verdict.
//  (15) The same bytes give the same frames, in whatever chunks they arrive.
//   (a) Memory follows the bytes that really came: the buffer at most doubles when it is full, and
//       never exceeds max(chunk_bytes, header + frame_bytes_max) + padding_bytes. After a long
//       frame it goes back to chunk_bytes, at release() or the next write_space().
//   (b) padding_bytes behind each body can be read (their content is arbitrary), as simdjson asks.
// Not thread-safe. Allocates only in write_space().
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string_view>

namespace ordeal::pool::wire {

inline constexpr std::size_t header_bytes = 4;
inline constexpr std::size_t padding_bytes = 64;  // SIMDJSON_PADDING; asserted in frame.cpp
// What a Linux pipe holds by default, and a header: one read usually gets a whole reply.
inline constexpr std::size_t chunk_bytes = 64 * 1024 + header_bytes;

[[nodiscard]] std::uint32_t load_length(const char* header);
void store_length(char* header, std::uint32_t length);

class FrameDecoder {
 public:
  enum class Status : std::uint8_t {
    frame,      // body is whole
    need_more,  // nothing, or the beginning of a frame
    discarded,  // a frame longer than discard_above has gone by; body is empty
    empty,      // a length of 0
    too_large,  // a length above frame_bytes_max
  };
  struct Next {
    Status status = Status::need_more;
    std::string_view body;     // with `frame`; valid until the next write_space()
    std::uint32_t length = 0;  // as the header says, once it is here
    std::size_t arrived = 0;   // with need_more: bytes that came, of the body if length is known,
                               // else of the header
  };

  // REQUIRES: frame_bytes_max > 0.
  explicit FrameDecoder(std::uint32_t frame_bytes_max);

  // Where the next read goes; never empty. Invalidates bodies handed out before.
  // REQUIRES: the last next(), if anything was committed, said need_more.
  [[nodiscard]] std::span<char> write_space();
  // REQUIRES: n is at most the size of the last write_space().
  void commit(std::size_t n);
  [[nodiscard]] Next next();

  // Frames longer than this are dropped chunk by chunk as they arrive, and reported as
  // `discarded`; also one of which some has arrived already. 0: keep all. Switching it off while
  // such a frame is half gone waits for its end first.
  void set_discard_above(std::uint32_t bytes) { discard_above_ = bytes; }

  // Gives back what a long frame took, if nothing is unread. Invalidates bodies handed out before.
  void release();

  // Bytes that belong to no frame handed out so far.
  [[nodiscard]] std::string_view unread() const { return {buffer_.get() + begin_, end_ - begin_}; }
  // The stream stands between two frames: unread() is empty and no frame is half discarded.
  [[nodiscard]] bool at_boundary() const { return begin_ == end_ && discard_left_ == 0; }

  [[nodiscard]] std::uint32_t frame_bytes_max() const { return frame_bytes_max_; }
  [[nodiscard]] std::size_t buffer_bytes() const { return capacity_ + padding_bytes; }

 private:
  struct Free {
    void operator()(char* memory) const { std::free(memory); }
  };

  void resize_buffer(std::size_t capacity);

  std::uint32_t frame_bytes_max_;
  std::uint32_t discard_above_ = 0;
  std::uint32_t discard_length_ = 0;
  std::size_t discard_left_ = 0;
  // realloc'ed, not new'ed: for long frames the kernel then moves pages instead of us bytes.
  std::unique_ptr<char, Free> buffer_;
  std::size_t capacity_ = 0;  // without padding
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace ordeal::pool::wire
