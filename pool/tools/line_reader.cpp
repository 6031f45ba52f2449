#include "pool/tools/line_reader.hpp"

#include <unistd.h>

#include <cerrno>

namespace ordeal::pool::tools {
namespace {
constexpr std::size_t block_bytes = 64 * 1024;  // a pipe's usual capacity
}

bool LineReader::next(Line& line) {
  std::size_t end = buffer_.find('\n', searched_);
  const bool whole = end != std::string::npos;
  if (!whole) end = searched_ = buffer_.size();
  const bool too_long = skipping_ || end - begin_ > line_bytes_max_;
  if (!whole && too_long) {  // its end has not come yet: pass over what is there
    buffer_.clear();
    begin_ = searched_ = end = 0;
    skipping_ = true;
  }
  const bool last = !whole && at_end_ && (skipping_ || begin_ < end);
  if (!whole && !last) return false;
  line.number = ++lines_;
  line.too_long = too_long;
  line.text =
      too_long ? std::string_view{} : std::string_view{buffer_}.substr(begin_, end - begin_);
  skipping_ = false;
  begin_ = searched_ = whole ? end + 1 : end;
  return true;
}

int LineReader::read_once() {
  buffer_.erase(0, begin_);
  searched_ -= begin_;
  begin_ = 0;
  const std::size_t held = buffer_.size();
  buffer_.resize(held + block_bytes);
  const ssize_t count = ::read(descriptor_, buffer_.data() + held, block_bytes);
  const int error = count < 0 ? errno : 0;
  buffer_.resize(held + (count > 0 ? static_cast<std::size_t>(count) : 0));
  if (error == EINTR || error == EAGAIN) return 0;
  if (count <= 0) at_end_ = true;
  return error;
}

}  // namespace ordeal::pool::tools
