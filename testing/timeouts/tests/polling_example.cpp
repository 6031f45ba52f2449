// Tests of which some look every so often for what could have told them; those must fail.
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

#include <array>
#include <thread>

#include "pool/process/file_descriptor.hpp"
#include "testing/timeouts/timeouts.hpp"

namespace ordeal::trial {
namespace {

using namespace std::chrono_literals;
using pool::runtime::Duration;
using pool::runtime::Instant;
using pool::runtime::now;
using pool::runtime::WakeWord;

void look_every(Duration pause, int looks) {
  WakeWord never_changed;
  for (int i = 0; i < looks; ++i) {
    never_changed.wait_until(now() + pause, never_changed.ticket());
  }
}

TEST(Polling, OnAWord) { look_every(2ms, 5); }

TEST(Polling, InAThread) {
  std::thread{[] {
    prctl(PR_SET_NAME, "looks-often");
    look_every(1ms, 3);
  }}.join();
}

TEST(Polling, OnDescriptors) { pool::runtime::poll_until({}, now() + 1ms); }

TEST(Polling, OnAnEpoll) {
  const pool::process::FileDescriptor epoll{epoll_create1(EPOLL_CLOEXEC)};
  std::array<epoll_event, 1> events{};
  pool::runtime::epoll_until(epoll.get(), events, now() + 1ms);
}

TEST(Polling, WithinADeclaredWait) {
  declare_wait(20ms);
  look_every(5ms, 3);
}

TEST(Declared, ADeadline) {
  const Instant deadline = now() + 2ms;
  declare_deadline(deadline);
  WakeWord never_changed;
  never_changed.wait_until(deadline, never_changed.ticket());
}

TEST(Declared, AWaitOfThisLength) {
  declare_wait(2ms);
  look_every(2ms, 3);
}

TEST(Waiting, EndedByItsEvent) {
  WakeWord word;
  const std::uint32_t ticket = word.ticket();
  std::thread other{[&word] { word.notify(); }};
  word.wait_until(now() + 60s, ticket);
  other.join();
}

}  // namespace
}  // namespace ordeal::trial
