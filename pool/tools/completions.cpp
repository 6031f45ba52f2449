#include "pool/tools/completions.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace ordeal::pool::tools {

Bell::Bell() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!event_) throw std::system_error(errno, std::generic_category(), "eventfd");
}

void Bell::ring() const {
  const std::uint64_t one = 1;
  // Cannot fail but by overflow, when it is ringing anyway.
  static_cast<void>(::write(event_.get(), &one, sizeof one) == 0);
}

void Bell::silence() const {
  std::uint64_t count = 0;
  static_cast<void>(::read(event_.get(), &count, sizeof count) == 0);
}

void Completions::push(Completion completion) {
  {
    const std::lock_guard lock{mutex_};
    waiting_.push_back(std::move(completion));
    if (waiting_.size() > 1) return;  // rung already
  }
  bell_.ring();
}

std::vector<Completion> Completions::take() {
  bell_.silence();
  const std::lock_guard lock{mutex_};
  return std::exchange(waiting_, {});
}

}  // namespace ordeal::pool::tools
