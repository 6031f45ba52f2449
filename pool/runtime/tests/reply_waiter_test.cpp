// How a caller sleeps until its worker answers: told once of what arrives, it must miss nothing.
//
// A wait that is wrong sleeps until its deadline, which is far off: hang guards, not timing.
#include "pool/runtime/reply_waiter.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <optional>
#include <string_view>
#include <thread>

#include "testing/cites/cites.hpp"
#include "testing/timeouts/timeouts.hpp"

namespace ordeal::pool::runtime {
namespace {

using std::chrono::seconds;

// A worker's reply pipe, both ends, and its reader's waiter.
class ReplyPipe : public testing::Test {
 protected:
  void SetUp() override {
    std::array<int, 2> ends{};
    ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
    reader_.reset(ends[0]);
    writer_.reset(ends[1]);
    ASSERT_EQ(fcntl(reader_.get(), F_SETFL, O_NONBLOCK), 0);
    auto made = ReplyWaiter::make(reader_.get());
    ASSERT_TRUE(made);
    waiter_.emplace(std::move(*made));
  }
  void worker_writes(std::string_view bytes) {
    ASSERT_EQ(write(writer_.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  // As a driver reads: once, and tells the waiter.
  long read_up_to(std::size_t size) {
    std::array<char, 64> space{};
    const long count = read(reader_.get(), space.data(), size);
    waiter_->note_read(count, size);
    return count;
  }
  [[nodiscard]] bool told(Duration at_most = seconds{10}) {
    const Instant at = now();
    return waiter_->wait(at, at + at_most);
  }

  process::FileDescriptor reader_;
  process::FileDescriptor writer_;
  std::optional<ReplyWaiter> waiter_;
};

TEST_F(ReplyPipe, WhatCameBeforeTheWaitEndsIt) {
  worker_writes("reply");
  EXPECT_TRUE(told());
  EXPECT_EQ(read_up_to(64), 5);
}

TEST_F(ReplyPipe, WhatOneReadHasNotTakenOutIsReadBeforeTheNextSleep) {
  worker_writes("reply and more");
  EXPECT_TRUE(told());
  EXPECT_EQ(read_up_to(5), 5);
  EXPECT_TRUE(told());  // though nothing more has come
  EXPECT_EQ(read_up_to(64), 9);
}

TEST_F(ReplyPipe, AStreamThatEndsRightBehindAReplyIsSeenToHaveEnded) {
  cites_bug_class(3);
  worker_writes("reply");
  writer_.reset();
  EXPECT_TRUE(told());  // of both at once
  EXPECT_EQ(read_up_to(64), 5);
  EXPECT_TRUE(told());
  EXPECT_EQ(read_up_to(64), 0);
}

TEST_F(ReplyPipe, OneReplyAfterAnotherIsToldOf) {
  for (int i = 0; i < 100; ++i) {
    worker_writes("reply");
    ASSERT_TRUE(told());
    ASSERT_EQ(read_up_to(64), 5);
  }
}

TEST_F(ReplyPipe, WhatSomebodyElseHasReadIsNotToldOf) {
  worker_writes("reply");
  EXPECT_EQ(read_up_to(64), 5);  // without having waited: a spinner, or the housekeeper
  waiter_->interrupt();          // else it would sleep until the deadline
  EXPECT_FALSE(told());
}

TEST_F(ReplyPipe, AnInterruptEndsTheWaitAndEachLaterOneUntilItIsCleared) {
  std::jthread other{[&] { waiter_->interrupt(); }};
  EXPECT_FALSE(told());
  EXPECT_FALSE(told());
  waiter_->clear_interrupt();
  worker_writes("reply");
  EXPECT_TRUE(told());
}

TEST_F(ReplyPipe, TheDeadlineEndsTheWaitAndALaterOneIsWaitedFor) {
  trial::declare_wait(std::chrono::milliseconds{2});
  EXPECT_FALSE(told(std::chrono::milliseconds{2}));
  worker_writes("reply");
  EXPECT_TRUE(told());
}

}  // namespace
}  // namespace ordeal::pool::runtime
