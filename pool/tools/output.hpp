// Output that never blocks the loop: bytes wait here until poll() says that they can be written.
//
// The descriptor is somebody else's too (a shell's), so it is not made non-blocking: instead at
// most PIPE_BUF bytes are written after each poll(), which a pipe then takes without blocking.
// Not thread-safe.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ordeal::pool::tools {

class Output {
 public:
  // Above this nothing new is submitted, so that a slow reader slows the run down.
  static constexpr std::size_t pending_bytes_high = 1 << 20;

  explicit Output(int descriptor);
  void add(std::string_view text) { pending_.append(text); }
  [[nodiscard]] bool empty() const { return sent_ == pending_.size(); }
  [[nodiscard]] bool is_full() const { return pending_.size() - sent_ > pending_bytes_high; }
  // 0, or the errno of the write that failed. REQUIRES: poll() said POLLOUT, POLLERR or POLLHUP.
  int write_once();
  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
  std::size_t write_bytes_max_;
  std::string pending_;
  std::size_t sent_ = 0;
};

}  // namespace ordeal::pool::tools
