// How a caller sleeps until its worker answers, in its read or in epoll_wait: it must miss nothing.
//
// A sleep that is wrong lasts until its deadline, or for ever: hang guards, not timing.
#include "pool/runtime/reply_waiter.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <span>
#include <thread>

#include "pool/runtime/tests/reply_pipe.hpp"
#include "testing/cites/cites.hpp"
#include "testing/timeouts/timeouts.hpp"

namespace ordeal::pool::runtime {
namespace {

using std::chrono::seconds;

// In its read, if the deadline is far.
constexpr Duration far = seconds{10};
constexpr Duration near = ReplyWaiter::deadline_lead;

class ReplyPipe : public OnReplyPipe {
 protected:
  void SetUp() override {
    OnReplyPipe::SetUp();
    auto made = ReplyWaiter::make(reader_.get());
    ASSERT_TRUE(made);
    waiter_.emplace(std::move(*made));
  }
  // Each as a driver does: once, and tells the waiter.
  long reads_now(std::size_t room = 64) {
    std::array<char, 64> space{};
    const long count = waiter_->read_now(std::span{space}.first(room));
    waiter_->note_read(count, room);
    return count;
  }
  long sleeps_and_reads(Duration at_most, std::size_t room = 64) {
    std::array<char, 64> space{};
    const Instant at = now();
    trial::declare_deadline(at + at_most);
    const long count = waiter_->sleep_and_read(std::span{space}.first(room), at, at + at_most);
    waiter_->note_read(count, room);
    return count;
  }

  std::optional<ReplyWaiter> waiter_;
};

class ReplyEitherWay : public ReplyPipe, public testing::WithParamInterface<Duration> {
 protected:
  // A sleep may be in vain, ended by what epoll has kept; one after the other is not.
  long gets(std::size_t room = 64) {
    long count = -EAGAIN;
    for (int i = 0; i < 3 && count == -EAGAIN; ++i) count = sleeps_and_reads(GetParam(), room);
    return count;
  }
};

INSTANTIATE_TEST_SUITE_P(InItsRead, ReplyEitherWay, testing::Values(far));
INSTANTIATE_TEST_SUITE_P(NearItsDeadline, ReplyEitherWay, testing::Values(near));

TEST_P(ReplyEitherWay, WhatCameBeforeTheSleepEndsIt) {
  worker_writes("reply");
  EXPECT_EQ(gets(), 5);
}

TEST_P(ReplyEitherWay, WhatOneReadHasNotTakenOutIsReadBeforeTheNextSleep) {
  worker_writes("reply and more");
  EXPECT_EQ(gets(5), 5);
  EXPECT_EQ(sleeps_and_reads(GetParam()), 9);  // though nothing more has come
}

TEST_P(ReplyEitherWay, AStreamThatEndsRightBehindAReplyIsSeenToHaveEnded) {
  cites_bug_class(3);
  worker_writes("reply");
  writer_.reset();
  EXPECT_EQ(gets(), 5);
  EXPECT_EQ(gets(), 0);
}

TEST_P(ReplyEitherWay, OneReplyAfterAnotherIsGot) {
  for (int i = 0; i < 100; ++i) {
    worker_writes("reply");
    ASSERT_EQ(gets(), 5);
  }
}

TEST_P(ReplyEitherWay, WhatSomebodyElseHasReadIsNotGotAgain) {
  worker_writes("reply");
  EXPECT_EQ(reads_now(), 5);  // without having slept: a spinner, or the housekeeper
  waiter_->interrupt();       // else it would sleep until the deadline
  EXPECT_EQ(sleeps_and_reads(GetParam()), -EAGAIN);
}

TEST_P(ReplyEitherWay, AnInterruptEndsTheSleepAndEachLaterOneUntilItIsCleared) {
  std::jthread other{[&] { waiter_->interrupt(); }};
  EXPECT_EQ(sleeps_and_reads(GetParam()), -EAGAIN);
  EXPECT_EQ(sleeps_and_reads(GetParam()), -EAGAIN);
  other.join();
  waiter_->clear_interrupt();
  worker_writes("reply");
  EXPECT_EQ(gets(), 5);
}

// A caller far from its deadline, then near it, then the next one, far from its own.
TEST_P(ReplyEitherWay, FromOneWayOfSleepingToTheOtherNothingIsMissed) {
  const Duration other_way = GetParam() == far ? near : far;
  for (int i = 0; i < 10; ++i) {
    worker_writes("reply and more");
    EXPECT_EQ(gets(5), 5);
    EXPECT_EQ(sleeps_and_reads(other_way, 4), 4);
    EXPECT_EQ(gets(), 5);
  }
}

TEST_F(ReplyPipe, TheDeadlineEndsTheSleepAndALaterOneIsWaitedFor) {
  EXPECT_EQ(sleeps_and_reads(std::chrono::milliseconds{2}), -EAGAIN);
  worker_writes("reply");
  EXPECT_EQ(sleeps_and_reads(far), 5);
}

// As the housekeeper minds it.
TEST_F(ReplyPipe, WhoSleepsInItsReadIsWokenBeforeItsDeadline) {
  cites(53);
  std::jthread minder{[&] {
    pollfd timer{.fd = waiter_->timer_descriptor(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(poll(&timer, 1, -1), 1);
    waiter_->on_timer();
  }};
  const Instant begun = now();
  EXPECT_EQ(sleeps_and_reads(3 * ReplyWaiter::deadline_lead), -EAGAIN);
  EXPECT_GE(now(), begun + 2 * ReplyWaiter::deadline_lead) << "it has slept";
  minder.join();
  worker_writes("reply");
  EXPECT_EQ(sleeps_and_reads(far), 5) << "an expiry that is behind ends nothing";
}

}  // namespace
}  // namespace ordeal::pool::runtime
