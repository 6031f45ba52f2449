// A blocking read that others end by a token in the pipe: the stream must be what was written,
// whenever they do.
//
// A read that is not ended sleeps for ever: the test's own time-out is the guard.
#include "pool/runtime/interruptible_read.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include "pool/core/random.hpp"
#include "pool/process/pipe_io.hpp"
#include "pool/runtime/tests/reply_pipe.hpp"
#include "pool/runtime/tests/support.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool::runtime {
namespace {

class EndedRead : public OnReplyPipe {
 protected:
  void SetUp() override {
    OnReplyPipe::SetUp();
    read_ = InterruptibleRead::make(reader_.get());
    ASSERT_TRUE(read_);
  }
  // What a reader gets who has room for so much.
  std::string reads(std::size_t room = 64) {
    std::string space(room, '?');
    if (!read_->kept().empty()) {
      const std::size_t taken = read_->kept().copy(space.data(), room);
      read_->kept().erase(0, taken);
      return space.substr(0, taken);
    }
    count_ = read_->read(space);
    return space.substr(0, static_cast<std::size_t>(std::max(count_, 0L)));
  }

  std::unique_ptr<InterruptibleRead> read_;
  long count_ = 0;
};

TEST_F(EndedRead, WithoutAnEndItIsAReadThatSleeps) {
  std::atomic<int> thread{0};
  std::string got;
  std::jthread other{[&] {
    thread = gettid();
    got = reads();
  }};
  await_sleep_of(thread);
  worker_writes("reply");
  other.join();
  EXPECT_EQ(got, "reply");
  writer_.reset();
  EXPECT_EQ(reads(), "");
  EXPECT_EQ(count_, 0) << "the end of the stream is seen: the host keeps no writing end";
}

TEST_F(EndedRead, WhoSleepsIsWokenAndTheStreamIsAsItWas) {
  cites_bug_class(3);
  for (const auto reason : {InterruptibleRead::interrupted, InterruptibleRead::due}) {
    std::atomic<int> thread{0};
    std::jthread other{[&] {
      thread = gettid();
      reads();
    }};
    await_sleep_of(thread);
    EXPECT_TRUE(read_->end(reason));
    other.join();
    EXPECT_EQ(count_, -EAGAIN);
    EXPECT_TRUE(read_->is_ended_by(reason));
    EXPECT_EQ(reads(), "") << "it was told, and nobody has cleared it";
    EXPECT_EQ(count_, -EAGAIN);
    read_->clear(reason);
    worker_writes("reply");
    EXPECT_EQ(reads(), "reply");
  }
}

// Told before it sleeps, it need not be woken.
TEST_F(EndedRead, WhatIsToldBeforeLeavesNothingInThePipe) {
  EXPECT_TRUE(read_->end(InterruptibleRead::interrupted));
  EXPECT_TRUE(read_->end(InterruptibleRead::due));
  EXPECT_EQ(reads(), "");
  EXPECT_EQ(count_, -EAGAIN);
  std::array<char, 8> space{};
  EXPECT_EQ(process::read_pipe(reader_.get(), space), -EAGAIN);
}

// As one who has 1024 connections open of the 1024 allowed.
TEST_F(EndedRead, WithoutAFreeDescriptorItIsEndedAllTheSame) {
  cites(53);
  std::atomic<int> thread{0};
  std::atomic<bool> has_read{false};
  std::atomic<bool> may_end{false};
  std::jthread other{[&] {
    thread = gettid();
    reads();
    has_read = true;
    has_read.notify_one();
    may_end.wait(false);  // UBSan needs a descriptor to look at a thread that ends
  }};
  await_sleep_of(thread);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit few = before;
  few.rlim_cur = 128;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  std::vector<process::FileDescriptor> taken;
  while (true) {  // all that the process may have
    process::FileDescriptor one{open("/dev/null", O_RDONLY | O_CLOEXEC)};
    if (!one) break;
    taken.push_back(std::move(one));
  }
  const int why = errno;
  const bool told = read_->end(InterruptibleRead::interrupted);
  if (!told) worker_writes("wake up");
  has_read.wait(false);
  const bool has_its_reserve = open("/dev/null", O_RDONLY | O_CLOEXEC) < 0;
  taken.clear();
  may_end = true;
  may_end.notify_one();
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(why, EMFILE);
  EXPECT_TRUE(told);
  EXPECT_EQ(count_, -EAGAIN);
  EXPECT_TRUE(has_its_reserve) << "it has taken back what it had to give up";
}

// Every byte is its place in the stream, so one too many, too few or moved is seen. Readers of all
// sizes: a token may be cut in two, or stand before, behind or between bytes.
TEST_F(EndedRead, HoweverOftenItIsEndedTheStreamIsWhatWasWritten) {
  cites_bug_class(3);
  constexpr std::size_t bytes = 20'000'000;
  const auto byte_at = [](std::size_t at) { return static_cast<char>(at % 251); };
  std::jthread writer{[&] {
    core::Random random{1};
    std::string chunk;
    for (std::size_t at = 0; at < bytes;) {
      chunk.resize(
          std::min<std::size_t>(1 + random.below(random.chance(1, 8) ? 30'000 : 300), bytes - at));
      for (char& byte : chunk) byte = byte_at(at++);
      worker_writes(chunk);
      if (random.chance(1, 16)) std::this_thread::yield();
    }
    writer_.reset();
  }};
  std::atomic<bool> done{false};
  std::jthread ender{[&] {
    while (!done) {
      EXPECT_TRUE(read_->end(InterruptibleRead::interrupted));
      std::this_thread::yield();
    }
  }};
  core::Random random{2};
  std::size_t at = 0;
  std::size_t ended = 0;
  std::size_t first_wrong = bytes;
  while (true) {
    const std::string got = reads(1 + random.below(random.chance(1, 4) ? 70'000 : 40));
    for (const char byte : got) {
      if (byte != byte_at(at)) first_wrong = std::min(first_wrong, at);
      ++at;
    }
    if (count_ == 0) break;
    if (count_ != -EAGAIN) continue;
    ++ended;
    read_->clear(InterruptibleRead::interrupted);
  }
  done = true;
  EXPECT_EQ(first_wrong, bytes);
  EXPECT_EQ(at, bytes);
  EXPECT_GT(ended, 0U);
}

}  // namespace
}  // namespace ordeal::pool::runtime
