#include "pool/runtime/clock.hpp"

#include <linux/futex.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <ctime>

namespace ordeal::pool::runtime {
namespace {

timespec to_timespec(Duration duration) {
  const auto count = std::max<Duration::rep>(duration.count(), 0);
  return {.tv_sec = static_cast<time_t>(count / 1'000'000'000),
          .tv_nsec = static_cast<long>(count % 1'000'000'000)};
}

std::atomic<TimeoutWatcher> timeout_watcher{nullptr};

// When a wait begins; not asked for unless somebody is told of its end.
Instant begin_wait() {
  return timeout_watcher.load(std::memory_order_relaxed) == nullptr ? Instant{} : now();
}

}  // namespace

void watch_timeouts(TimeoutWatcher watcher) { timeout_watcher.store(watcher); }

void tell_timed_out(Instant began, Instant deadline) {
  const TimeoutWatcher watcher = timeout_watcher.load(std::memory_order_acquire);
  if (watcher != nullptr) watcher({.began = began, .deadline = deadline});
}

Instant now() { return to_instant(std::chrono::steady_clock::now()); }

Instant recent_now() {
  timespec at{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &at);
  return Instant{std::chrono::seconds{at.tv_sec} + std::chrono::nanoseconds{at.tv_nsec}};
}

Instant to_instant(std::chrono::steady_clock::time_point at) {
  return Instant{std::chrono::duration_cast<Duration>(at.time_since_epoch())};
}

std::chrono::steady_clock::time_point to_steady(Instant at) {
  return std::chrono::steady_clock::time_point{at.time_since_epoch()};
}

// The next ticket, whose bit says that nobody sleeps.
void WakeWord::notify() {
  std::uint32_t before = value_.load(std::memory_order_relaxed);
  while (!value_.compare_exchange_weak(before, (before | somebody_sleeps) + 1)) {
  }
  if ((before & somebody_sleeps) == 0) return;
  syscall(SYS_futex, &value_, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

void WakeWord::wait_until(Instant deadline, std::uint32_t ticket) {
  std::uint32_t seen = ticket;
  const std::uint32_t asleep = ticket | somebody_sleeps;
  if (!value_.compare_exchange_strong(seen, asleep) && seen != asleep) return;
  const bool forever = deadline == core::never;
  const Instant began = begin_wait();
  const timespec at = to_timespec(deadline.time_since_epoch());
  // FUTEX_WAIT_BITSET takes an absolute CLOCK_MONOTONIC time, which is steady_clock's epoch.
  const long ended = syscall(SYS_futex, &value_, FUTEX_WAIT_BITSET_PRIVATE, asleep,
                             forever ? nullptr : &at, nullptr, FUTEX_BITSET_MATCH_ANY);
  if (ended != 0 && errno == ETIMEDOUT) tell_timed_out(began, deadline);
}

int poll_until(std::span<pollfd> descriptors, Instant deadline) {
  const Instant began = begin_wait();
  while (true) {
    timespec left{};
    if (deadline != core::never) left = to_timespec(deadline - now());
    const int ready = ppoll(descriptors.data(), descriptors.size(),
                            deadline == core::never ? nullptr : &left, nullptr);
    if (ready == 0) tell_timed_out(began, deadline);
    if (ready >= 0 || errno != EINTR) return std::max(ready, 0);
  }
}

int epoll_until(int epoll, std::span<epoll_event> events, Instant deadline) {
  const Instant at = now();
  const int ready = epoll_wait(epoll, events.data(), static_cast<int>(events.size()),
                               milliseconds_until(deadline, at));
  if (ready == 0) tell_timed_out(at, deadline);
  return ready;
}

bool is_readable_now(int descriptor) {
  pollfd looked_at{.fd = descriptor, .events = POLLIN, .revents = 0};
  return poll(&looked_at, 1, 0) > 0;
}

int milliseconds_until(Instant deadline, Instant at) {
  if (deadline == core::never) return -1;
  if (deadline <= at) return 0;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - at).count();
  return static_cast<int>(std::min<std::int64_t>(left, INT_MAX));
}

}  // namespace ordeal::pool::runtime
