#include "pool/runtime/parker.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <array>

namespace ordeal::pool::runtime {
namespace {

bool watch(int epoll, int descriptor, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = descriptor;
  return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

}  // namespace

bool Parker::open() {
  if (is_open()) return true;
  process::FileDescriptor epoll{epoll_create1(EPOLL_CLOEXEC)};
  process::FileDescriptor bell{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!epoll || !bell || !watch(epoll.get(), bell.get(), EPOLLIN | EPOLLET)) return false;
  epoll_ = std::move(epoll);
  bell_ = std::move(bell);
  open_.store(true, std::memory_order_release);
  return true;
}

void Parker::wait_until(Instant deadline, std::uint32_t ticket) {
  sleep_.store(Sleep::on_word);
  told_.wait_until(deadline, ticket);
  sleep_.store(Sleep::none);
  detach();
}

void Parker::wait_until_answered(Instant deadline, std::uint32_t ticket) {
  // Before the word is looked at, as tell() changes the word before it looks who sleeps: one of the
  // two sees the other.
  sleep_.store(Sleep::on_descriptors);
  if (told_.ticket() == ticket) {
    std::array<epoll_event, 2> events{};
    epoll_until(epoll_.get(), events, deadline);
  }
  sleep_.store(Sleep::none);
  detach();
}

void Parker::detach() {
  const int descriptor = attached_.exchange(-1);
  if (descriptor >= 0) epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, descriptor, nullptr);
}

bool Parker::attach(int descriptor) {
  if (!is_open() || !watch(epoll_.get(), descriptor, EPOLLIN)) return false;
  attached_.store(descriptor);
  return true;
}

void Parker::notify() { tell(true); }

void Parker::notify_unless_attached() { tell(false); }

void Parker::tell(bool also_if_attached) {
  told_.advance();
  switch (sleep_.load()) {
    case Sleep::none:
      break;  // it looks at the word before it sleeps
    case Sleep::on_word:
      told_.wake();
      break;
    case Sleep::on_descriptors:
      if (also_if_attached || attached_.load() < 0) eventfd_write(bell_.get(), 1);
      break;
  }
}

}  // namespace ordeal::pool::runtime
