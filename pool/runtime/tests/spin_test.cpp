// Reading without going to sleep: when it is tried, what ends it, what it has cost.
#include "pool/runtime/spin.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>
#include <vector>

#include "pool/process/file_descriptor.hpp"
#include "pool/process/pipe_io.hpp"
#include "pool/runtime/brief_mutex.hpp"
#include "pool/runtime/tests/support.hpp"

namespace ordeal::pool::runtime {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

class Spinning : public testing::Test {
 protected:
  void SetUp() override {
    std::array<int, 2> ends{};
    ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
    reader_.reset(ends[0]);
    writer_.reset(ends[1]);
  }
  long spin(Duration at_most) {
    return spinner_.read(reader_.get(), space_, interrupts_, now() + at_most);
  }

  Spinner spinner_{true, seconds{10}};
  process::FileDescriptor reader_;
  process::FileDescriptor writer_;
  std::atomic<std::uint8_t> interrupts_{0};
  std::array<char, 64> space_{};
};

TEST_F(Spinning, WhatIsThereCostsNoReadInVain) {
  ASSERT_EQ(process::write_pipe(writer_.get(), "reply"), 5);
  EXPECT_EQ(spin(seconds{10}), 5);
  const SpinStatus status = spinner_.status();
  EXPECT_EQ(status.calls, 1U);
  EXPECT_EQ(status.in_vain, 0U);
  EXPECT_EQ(status.reads_wasted, 0U);
}

TEST_F(Spinning, TheDeadlineEndsItAndWhatItCostIsCounted) {
  EXPECT_TRUE(process::is_passing(spin(milliseconds{1})));
  const SpinStatus status = spinner_.status();
  EXPECT_EQ(status.in_vain, 1U);
  EXPECT_GE(status.reads_wasted, 16U);
  EXPECT_GE(status.yields, 1U);
}

TEST_F(Spinning, AnInterruptEndsIt) {
  interrupts_ = 1;
  EXPECT_TRUE(process::is_passing(spin(seconds{10})));
}

TEST_F(Spinning, TheEndOfTheStreamEndsIt) {
  writer_.reset();
  EXPECT_EQ(spin(seconds{10}), 0);
}

TEST(Spinner, PaysForNoLongAndNoUnknownServiceAndNotWhereItIsOff) {
  const Spinner spinner{true, microseconds{200}};
  EXPECT_FALSE(spinner.pays(Duration::zero(), {}));
  EXPECT_FALSE(spinner.pays(microseconds{201}, {}));
  EXPECT_EQ(spinner.pays(microseconds{200}, {}), usable_cpus() > 1);
  const Spinner off{false, microseconds{200}};
  EXPECT_FALSE(off.pays(microseconds{10}, {}));
}

TEST(Spinner, TellsWhoIsServedSoonByHisPlaceAndTheCallsOfLate) {
  Spinner spinner{true, microseconds{200}};
  EXPECT_FALSE(spinner.is_soon(1, 4)) << "nothing is known yet";
  spinner.note_service(microseconds{20});
  EXPECT_TRUE(spinner.is_soon(5, 1));
  EXPECT_FALSE(spinner.is_soon(6, 1));
  EXPECT_TRUE(spinner.is_soon(10, 2));
  spinner.note_service(microseconds{22});
  EXPECT_TRUE(spinner.is_soon(5, 1)) << "much the same as before";
  spinner.note_service(microseconds{60});
  EXPECT_FALSE(spinner.is_soon(2, 1));
  spinner.note_service(microseconds{201});
  EXPECT_FALSE(spinner.is_soon(1, 100)) << "those who sleep get so long calls, too";
  Spinner off{false, microseconds{200}};
  off.note_service(microseconds{20});
  EXPECT_FALSE(off.is_soon(1, 1));
}

TEST(Spinner, GivesWayToOthersUntilSomethingHasChanged) {
  if (usable_cpus() < 2) GTEST_SKIP() << "with one CPU nobody spins";
  // Each a new one: on a busy machine the first turn may be the last for a while.
  Spinner in_vain{true, microseconds{200}};
  Spinner too_late{true, seconds{200}};
  Spinner in_time{true, microseconds{200}};
  WakeWord word;
  const std::uint32_t ticket = word.ticket();
  EXPECT_FALSE(in_vain.await_change(word, ticket, core::never)) << "for no more than a sleep costs";
  EXPECT_FALSE(too_late.await_change(word, ticket, now()));
  EXPECT_EQ(too_late.status().yields, 1U);
  word.notify();
  EXPECT_TRUE(in_time.await_change(word, ticket, core::never));
}

TEST(Spinner, SpinsInAQueueOnlyNowAndThenWhereThatIsInVainAndAgainWhereItIsNot) {
  if (usable_cpus() < 2) GTEST_SKIP() << "with one CPU nobody spins";
  WakeWord word;
  Spinner spinner{true, microseconds{200}};
  const auto tries = [&](std::uint32_t ticket) {
    int spun = 0;
    for (int i = 0; i < 256; ++i) {
      const std::uint64_t before = spinner.status().yields;
      // A busy machine's long turns are not what this is about.
      while (spinner.is_crowded(now())) std::this_thread::yield();
      (void)spinner.await_change(word, ticket, core::never);
      spun += spinner.status().yields > before ? 1 : 0;
    }
    return spun;
  };
  EXPECT_LE(tries(word.ticket()), 32);
  EXPECT_GE(tries(word.ticket() + 1), 128) << "the first that is worth it changes its mind";
}

TEST(Spinner, GivesWayToNobodyWhereThatTakesTooLong) {
  Spinner spinner{true, microseconds{200}};
  const Instant at = now();
  spinner.note_turn(at - milliseconds{1}, at + seconds{100});
  WakeWord word;
  word.notify();
  EXPECT_FALSE(spinner.await_change(word, 0, core::never));
  EXPECT_EQ(spinner.status().yields, 0U);
}

TEST(Spinner, StopsSpinningForAWhileWhereGivingWayTakesTooLong) {
  Spinner spinner{true, microseconds{200}};
  Instant at{seconds{1}};
  spinner.note_turn(at, at + microseconds{400});
  EXPECT_FALSE(spinner.is_crowded(at + microseconds{401}));
  spinner.note_turn(at, at + milliseconds{4});
  EXPECT_TRUE(spinner.is_crowded(at + milliseconds{13}));
  EXPECT_FALSE(spinner.pays(microseconds{10}, at + milliseconds{13}));
  EXPECT_FALSE(spinner.is_crowded(at + milliseconds{14}));
}

TEST(BriefMutex, LetsInOneAtATimeAndEachInTheEnd) {
  constexpr int rounds = 20'000;
  BriefMutex mutex;
  int count = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&] {
        for (int round = 0; round < rounds; ++round) {
          const std::lock_guard lock{mutex};
          ++count;
        }
      });
    }
  }
  EXPECT_EQ(count, 3 * rounds);
}

// It looks for some microseconds; the holder needs a processor, which he might not get from it.
TEST(BriefMutex, IsWaitedForAsleepIfItsHolderTakesLong) {
  BriefMutex mutex;
  std::atomic<int> waiter{0};
  std::jthread other;
  {
    const std::lock_guard lock{mutex};
    EXPECT_FALSE(mutex.try_lock());
    other = std::jthread{[&] {
      waiter = gettid();
      const std::lock_guard waited{mutex};
    }};
    await_sleep_of(waiter);
  }
}

TEST(Spinner, StopsForLongerEachTimeAndForgetsItWhenAllIsWell) {
  Spinner spinner{true, microseconds{200}};
  Instant at{seconds{1}};
  spinner.note_turn(at, at + milliseconds{1});
  at += milliseconds{20};
  spinner.note_turn(at, at + milliseconds{1});
  EXPECT_TRUE(spinner.is_crowded(at + milliseconds{20}));
  EXPECT_FALSE(spinner.is_crowded(at + milliseconds{21}));
  at += seconds{2};
  spinner.note_turn(at, at + microseconds{5});
  spinner.note_turn(at, at + milliseconds{1});
  EXPECT_TRUE(spinner.is_crowded(at + milliseconds{10}));
  EXPECT_FALSE(spinner.is_crowded(at + milliseconds{11}));
}

}  // namespace
}  // namespace ordeal::pool::runtime
