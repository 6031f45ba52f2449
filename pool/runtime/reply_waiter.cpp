#include "pool/runtime/reply_waiter.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

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

void set_timer(int timer, Instant at) {
  itimerspec when{};  // all zero: disarmed
  if (at != core::never) {
    constexpr std::int64_t nanoseconds = 1'000'000'000;
    const std::int64_t since_epoch = std::max<std::int64_t>(at.time_since_epoch().count(), 1);
    when.it_value.tv_sec = since_epoch / nanoseconds;
    when.it_value.tv_nsec = since_epoch % nanoseconds;
  }
  timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, nullptr);
}

}  // namespace

Result<ReplyWaiter> ReplyWaiter::make(int reply_descriptor) {
  ReplyWaiter waiter;
  waiter.epoll_.reset(epoll_create1(EPOLL_CLOEXEC));
  waiter.timer_.reset(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  waiter.interrupt_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!waiter.epoll_ || !waiter.timer_ || !waiter.interrupt_ ||
      !add(waiter.epoll_.get(), waiter.interrupt_.get(), interrupt_key) ||
      !add(waiter.epoll_.get(), waiter.timer_.get(), timer_key)) {
    return tl::unexpected(make_error(
        ErrorCode::spawn_failed,
        std::string{"no descriptor to wait for a worker's replies: "} + std::strerror(errno)));
  }
  waiter.reply_descriptor_ = reply_descriptor;
  waiter.read_ = InterruptibleRead::make(reply_descriptor);
  return waiter;
}

long ReplyWaiter::sleep_and_read(std::span<char> space, Instant at, Instant deadline) {
  if (holds_bytes()) return take_kept(space);
  if (read_ && deadline - at > 2 * deadline_lead) return sleep_in_read(space, at, deadline);
  return wait(at, deadline) ? process::read_pipe(reply_descriptor_, space) : -EAGAIN;
}

long ReplyWaiter::sleep_in_read(std::span<char> space, Instant at, Instant deadline) {
  const Instant wake_at = deadline == core::never ? deadline : deadline - deadline_lead;
  arm_if_needed(at, wake_at, deadline);
  has_slept_in_read_ = true;
  const long count = read_->read(space);
  if (count == -EAGAIN && read_->is_ended_by(InterruptibleRead::due)) {
    tell_timed_out(at, deadline_of_timer_);
    armed_for_ = Instant{};  // whenever it went off
  }
  return count;
}

long ReplyWaiter::take_kept(std::span<char> space) {
  std::string& kept = read_->kept();
  const std::size_t count = kept.copy(space.data(), space.size());
  kept.erase(0, count);
  return static_cast<long>(count);
}

bool ReplyWaiter::wait(Instant at, Instant deadline) {
  if (may_hold_more_ || std::exchange(has_slept_in_read_, false)) return true;
  arm_if_needed(at, deadline, deadline);
  if (!std::exchange(is_registered_, true) &&
      !add(epoll_.get(), reply_descriptor_, reply_key, EPOLLET)) {
    is_registered_ = false;
    return true;
  }
  std::array<epoll_event, 3> events{};
  // Like read_pipe(): epoll_wait() without the C library's cancellation point. No signal mask.
  const long count = process::raw_syscall(SYS_epoll_pwait, epoll_.get(), events.data(),
                                          events.size(), -1, nullptr, 0);
  for (long i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (event.data.u64 == timer_key) tell_timed_out(at, deadline_of_timer_);
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

// Armed for a moment that is behind, it has gone off, and would go on waking whoever waits. Setting
// it also takes back an expiry that nobody has seen.
void ReplyWaiter::arm_if_needed(Instant at, Instant wake_at, Instant deadline) {
  if (armed_for_ <= wake_at && armed_for_ > at) return;
  if (read_) read_->clear(InterruptibleRead::due);
  set_timer(timer_.get(), wake_at);
  armed_for_ = wake_at;
  deadline_of_timer_ = deadline;
}

void ReplyWaiter::on_timer() const { end_read(InterruptibleRead::due); }

void ReplyWaiter::interrupt() const {
  (void)eventfd_write(interrupt_.get(), 1);
  end_read(InterruptibleRead::interrupted);
}

// Who cannot be told now is told when the timer goes off, soon.
void ReplyWaiter::end_read(InterruptibleRead::Reason reason) const {
  constexpr Duration retry_after = std::chrono::milliseconds{10};
  if (read_ && !read_->end(reason)) set_timer(timer_.get(), core::after(now(), retry_after));
}

void ReplyWaiter::clear_interrupt() const {
  eventfd_t stale = 0;
  (void)eventfd_read(interrupt_.get(), &stale);
  if (read_) read_->clear(InterruptibleRead::interrupted);
}

}  // namespace ordeal::pool::runtime
