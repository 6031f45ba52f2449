#include "pool/runtime/reply_waiter.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "pool/process/raw_syscall.hpp"

namespace ordeal::pool::runtime {
namespace {

enum Key : std::uint64_t {
  reply_key,
  interrupt_key,
  timer_key
};

bool add(int epoll, int descriptor, Key key, std::uint32_t how = 0) {
  epoll_event event{};
  event.events = EPOLLIN | how;
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
      !add(waiter.epoll_.get(), reply_descriptor, reply_key, EPOLLET) ||
      !add(waiter.epoll_.get(), waiter.interrupt_.get(), interrupt_key) ||
      !add(waiter.epoll_.get(), waiter.timer_.get(), timer_key)) {
    return tl::unexpected(make_error(
        ErrorCode::spawn_failed,
        std::string{"no descriptor to wait for a worker's replies: "} + std::strerror(errno)));
  }
  waiter.reply_descriptor_ = reply_descriptor;
  return waiter;
}

bool ReplyWaiter::wait(Instant at, Instant deadline) {
  if (may_hold_more_) return true;
  // Behind: it has gone off, and would go on waking whoever waits.
  if (armed_for_ > deadline || armed_for_ <= at) arm(deadline);
  std::array<epoll_event, 3> events{};
  // Like read_pipe(): epoll_wait() without the C library's cancellation point. No signal mask.
  const long count = process::raw_syscall(SYS_epoll_pwait, epoll_.get(), events.data(),
                                          events.size(), -1, nullptr, 0);
  for (long i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (event.data.u64 == timer_key) tell_timed_out(at, armed_for_);
    if (event.data.u64 != reply_key) continue;
    // The end of the stream may hide behind bytes that are told of at the same time.
    if ((event.events & ~EPOLLIN) != 0) tell_again_and_again();
    return true;
  }
  return false;
}

void ReplyWaiter::tell_again_and_again() const {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = reply_key;
  (void)epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, reply_descriptor_, &event);
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
