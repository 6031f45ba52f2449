#include "pool/wire/frame.hpp"

#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "pool/core/assert.hpp"

namespace ordeal::pool::wire {

static_assert(padding_bytes >= simdjson::SIMDJSON_PADDING);

std::uint32_t load_length(const char* header) {
  std::uint32_t length = 0;
  for (std::size_t i = 0; i < header_bytes; ++i) {
    length = length << 8U | static_cast<unsigned char>(header[i]);
  }
  return length;
}

void store_length(char* header, std::uint32_t length) {
  for (std::size_t i = 0; i < header_bytes; ++i) {
    header[i] = static_cast<char>(static_cast<unsigned char>(length >> (24U - 8U * i)));
  }
}

FrameDecoder::FrameDecoder(std::uint32_t frame_bytes_max) : frame_bytes_max_(frame_bytes_max) {
  ORDEAL_ASSERT(frame_bytes_max > 0, "a frame has at least one byte");
}

std::span<char> FrameDecoder::write_space() {
  if (begin_ == end_) {
    release();
    if (capacity_ == 0) resize_buffer(chunk_bytes);
  } else if (begin_ > 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == capacity_) {
    // Full of the beginning of a frame, whose length next() has found to be within the limit.
    const std::size_t whole = header_bytes + frame_bytes_max_;
    ORDEAL_ASSERT(capacity_ < whole, "whoever reads takes whole frames out");
    resize_buffer(std::min(2 * capacity_, whole));
  }
  return {buffer_.get() + end_, capacity_ - end_};
}

void FrameDecoder::commit(std::size_t n) {
  ORDEAL_ASSERT(n <= capacity_ - end_, "no more was read than there was space");
  end_ += n;
}

FrameDecoder::Next FrameDecoder::next() {
  if (discard_left_ > 0) {
    const std::size_t gone = std::min(discard_left_, end_ - begin_);
    begin_ += gone;
    discard_left_ -= gone;
    if (discard_left_ == 0) return {Status::discarded, {}, discard_length_, 0};
    return {Status::need_more, {}, discard_length_, discard_length_ - discard_left_};
  }
  const std::size_t available = end_ - begin_;
  if (available < header_bytes) return {Status::need_more, {}, 0, available};
  const std::uint32_t length = load_length(buffer_.get() + begin_);
  if (length == 0) return {Status::empty, {}, 0, 0};
  if (length > frame_bytes_max_) return {Status::too_large, {}, length, 0};
  if (discard_above_ > 0 && length > discard_above_) {
    begin_ += header_bytes;
    discard_length_ = length;
    discard_left_ = length;
    return next();
  }
  if (available < header_bytes + length) {
    return {Status::need_more, {}, length, available - header_bytes};
  }
  const std::string_view body{buffer_.get() + begin_ + header_bytes, length};
  begin_ += header_bytes + length;
  return {Status::frame, body, length, 0};
}

void FrameDecoder::release() {
  if (begin_ != end_) return;
  begin_ = end_ = 0;
  if (capacity_ > chunk_bytes) resize_buffer(chunk_bytes);
}

void FrameDecoder::resize_buffer(std::size_t capacity) {
  void* moved = std::realloc(buffer_.get(), capacity + padding_bytes);
  if (moved == nullptr) throw std::bad_alloc{};
  static_cast<void>(buffer_.release());  // realloc has freed it
  buffer_.reset(static_cast<char*>(moved));
  capacity_ = capacity;
}

}  // namespace ordeal::pool::wire
