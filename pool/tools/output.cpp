#include "pool/tools/output.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace ordeal::pool::tools {

Output::Output(int descriptor) : descriptor_(descriptor), write_bytes_max_(PIPE_BUF) {
  struct stat status {};
  if (::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode)) {
    write_bytes_max_ = pending_bytes_high;  // a file never makes its writer wait for a reader
  }
}

int Output::write_once() {
  const std::size_t bytes = std::min(write_bytes_max_, pending_.size() - sent_);
  if (bytes == 0) return 0;
  const ssize_t count = ::write(descriptor_, pending_.data() + sent_, bytes);
  if (count < 0) return errno == EINTR || errno == EAGAIN ? 0 : errno;
  sent_ += static_cast<std::size_t>(count);
  // Moved to the front only now and then: a long queue of short writes would copy it each time.
  if (sent_ == pending_.size() || sent_ > pending_bytes_high) {
    pending_.erase(0, sent_);
    sent_ = 0;
  }
  return 0;
}

}  // namespace ordeal::pool::tools
