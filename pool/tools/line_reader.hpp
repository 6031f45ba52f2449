// Lines from a descriptor, with a bound on what is held.
//
// read_once() reads at most once, so it does not block after poll() said that the descriptor is
// readable. A line beyond line_bytes_max is reported as too long and its rest is passed over.
// Invariant: holds at most line_bytes_max plus one block. Not thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ordeal::pool::tools {

class LineReader {
 public:
  LineReader(int descriptor, std::size_t line_bytes_max)
      : descriptor_(descriptor), line_bytes_max_(line_bytes_max) {}

  struct Line {
    std::uint64_t number = 0;  // from 1
    std::string_view text;     // without its line break; good until the next call of anything here
    bool too_long = false;     // `text` is empty then
  };

  // The next line that has been read whole; the last one needs no line break.
  [[nodiscard]] bool next(Line& line);
  // True if there may be more: next() is to be asked before.
  [[nodiscard]] bool wants_more() const { return !at_end_; }
  // 0, or the errno of the failed read, after which there is no more.
  int read_once();
  [[nodiscard]] int descriptor() const { return descriptor_; }
  void stop() { at_end_ = true; }

 private:
  int descriptor_;
  std::size_t line_bytes_max_;
  std::string buffer_;
  std::size_t begin_ = 0;     // of what has not been given out
  std::size_t searched_ = 0;  // no line break in [begin_, searched_)
  std::uint64_t lines_ = 0;
  bool at_end_ = false;
  bool skipping_ = false;  // inside a line that is too long
};

}  // namespace ordeal::pool::tools
