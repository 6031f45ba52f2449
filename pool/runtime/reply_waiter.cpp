#include "pool/runtime/reply_waiter.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace ordeal::pool::runtime {
namespace {

enum Key : std::uint64_t {
  reply_key,
  interrupt_key,
  timer_key
};

bool add(int epoll, int descriptor, Key key) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = key;
  return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

}  // namespace

Result<ReplyWaiter> ReplyWaiter::make(int reply_descriptor) {
  ReplyWaiter waiter;
  waiter.epoll_.reset(epoll_create1(EPOLL_CLOEXEC));
  waiter.timer_.reset(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  waiter.interrupt_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!waiter.epoll_ || !waiter.timer_ || !waiter.interrupt_ ||
      !add(waiter.epoll_.get(), reply_descriptor, reply_key) ||
      !add(waiter.epoll_.get(), waiter.interrupt_.get(), interrupt_key) ||
      !add(waiter.epoll_.get(), waiter.timer_.get(), timer_key)) {
    return tl::unexpected(make_error(
        ErrorCode::spawn_failed,
        std::string{"no descriptor to wait for a worker's replies: "} + std::strerror(errno)));
  }
  return waiter;
}

bool ReplyWaiter::wait(Instant at, Instant deadline) {
  // Behind: it has gone off, and would go on waking whoever waits.
  if (armed_for_ > deadline || armed_for_ <= at) arm(deadline);
  std::array<epoll_event, 3> events{};
  const int count = epoll_wait(epoll_.get(), events.data(), events.size(), -1);
  for (int i = 0; i < count; ++i) {
    if (events[static_cast<std::size_t>(i)].data.u64 == reply_key) return true;
  }
  return false;
}

// Setting the timer also takes back an expiry that nobody has seen.
void ReplyWaiter::arm(Instant deadline) {
  itimerspec when{};  // all zero: disarmed
  if (deadline != core::never) {
    constexpr std::int64_t nanoseconds = 1'000'000'000;
    const std::int64_t since_epoch = std::max<std::int64_t>(deadline.time_since_epoch().count(), 1);
    when.it_value.tv_sec = since_epoch / nanoseconds;
    when.it_value.tv_nsec = since_epoch % nanoseconds;
  }
  timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
  armed_for_ = deadline;
}

void ReplyWaiter::interrupt() const { (void)eventfd_write(interrupt_.get(), 1); }

void ReplyWaiter::clear_interrupt() const {
  eventfd_t stale = 0;
  (void)eventfd_read(interrupt_.get(), &stale);
}

}  // namespace ordeal::pool::runtime
