#include "testing/isolation/signal_routing.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "pool/runtime/clock.hpp"
#include "testing/timeouts/timeouts.hpp"

namespace ordeal::trial {
namespace {

// By signal: 1 + the eventfd where it is counted; 0: nowhere. All that a handler may touch.
constinit std::array<std::atomic<int>, NSIG> counted_at{};

std::atomic<int>& counter_of(int signal) { return counted_at[static_cast<std::size_t>(signal)]; }

void count(int signal) {
  const int saved = errno;
  (void)::eventfd_write(counter_of(signal).load() - 1, 1);
  errno = saved;
}

// SA_RESTORER, which the C library adds to whatever is set through it, and shows when asked.
constexpr int librarys_own_flag = 0x04000000;

bool is_same(const struct sigaction& a, const struct sigaction& b) {
  return a.sa_handler == b.sa_handler && ((a.sa_flags ^ b.sa_flags) & ~librarys_own_flag) == 0;
}

std::string name_of(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name == nullptr ? fmt::format("signal {}", signal) : fmt::format("SIG{}", name);
}

}  // namespace

SignalSetup signal_setup() {
  SignalSetup setup;
  for (int signal = 1; signal < NSIG; ++signal) {
    (void)::sigaction(signal, nullptr, &setup.dispositions[static_cast<std::size_t>(signal)]);
  }
  ::pthread_sigmask(SIG_SETMASK, nullptr, &setup.mask);
  return setup;
}

void restore(const SignalSetup& setup) {
  for (int signal = 1; signal < NSIG; ++signal) {
    // Those that cannot be caught are refused.
    (void)::sigaction(signal, &setup.dispositions[static_cast<std::size_t>(signal)], nullptr);
  }
  ::pthread_sigmask(SIG_SETMASK, &setup.mask, nullptr);
}

std::vector<std::string> changes_of(const SignalSetup& before, const SignalSetup& now) {
  std::vector<std::string> changes;
  for (int signal = 1; signal < NSIG; ++signal) {
    const auto at = static_cast<std::size_t>(signal);
    if (!is_same(before.dispositions[at], now.dispositions[at])) {
      changes.push_back(fmt::format("the handler of {}", name_of(signal)));
    }
    const bool was = ::sigismember(&before.mask, signal) == 1;
    const bool is = ::sigismember(&now.mask, signal) == 1;
    if (was != is) {
      changes.push_back(fmt::format("{} is {}blocked", name_of(signal), is ? "" : "un"));
    }
  }
  return changes;
}

OwnSignals::OwnSignals() : before_(signal_setup()) {}

OwnSignals::~OwnSignals() {
  restore(before_);
  for (const int signal : routed_) {
    ::close(counter_of(signal).exchange(0) - 1);
  }
}

void OwnSignals::route(int signal) {
  counter_of(signal) = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) + 1;
  routed_.push_back(signal);
  struct sigaction action {};
  action.sa_handler = count;
  action.sa_flags = SA_RESTART;
  ::sigaction(signal, &action, nullptr);
  sigset_t one;
  ::sigemptyset(&one);
  ::sigaddset(&one, signal);
  ::pthread_sigmask(SIG_UNBLOCK, &one, nullptr);
}

std::uint64_t OwnSignals::take(int signal) {
  eventfd_t came = 0;
  const int counter = counter_of(signal) - 1;
  return counter >= 0 && ::eventfd_read(counter, &came) == 0 ? came : 0;
}

bool OwnSignals::wait(int signal, std::chrono::milliseconds patience) {
  pollfd counter{counter_of(signal) - 1, POLLIN, 0};
  const auto deadline = pool::core::after(pool::runtime::now(), patience);
  declare_deadline(deadline);
  return pool::runtime::poll_until({&counter, 1}, deadline) > 0 && take(signal) > 0;
}

}  // namespace ordeal::trial
