#include "testing/timeouts/timeout_judge.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "testing/cites/cites.hpp"

namespace ordeal::trial {
namespace {

using namespace std::chrono_literals;
using pool::core::Duration;
using pool::core::Instant;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

EndedWait wait(Duration began, Duration length, std::string thread = "one") {
  const Instant deadline{began + length};
  return {.thread_id = thread == "one" ? 1 : 2,
          .thread = std::move(thread),
          .began = Instant{began},
          .deadline = deadline,
          .ended = deadline + 1us,
          .test = "Some.Test"};
}

TEST(TimeoutJudge, ExplainsAWaitByItsVeryDeadline) {
  cites(58);
  const Declared declared{.deadlines = {Instant{10ms}}, .waits = {}};
  const auto verdict = judge_timeouts({wait(0ms, 10ms), wait(1ms, 9ms, "two")}, declared);
  EXPECT_THAT(verdict.unexplained, IsEmpty());
  EXPECT_EQ(verdict.at_deadlines, 2U);
  EXPECT_THAT(judge_timeouts({wait(0ms, 10ms + 1ns)}, declared).unexplained, SizeIs(1));
  EXPECT_THAT(judge_timeouts({wait(0ms, 10ms - 1ns)}, declared).unexplained, SizeIs(1));
}

TEST(TimeoutJudge, ExplainsWaitsOfADeclaredLengthOneAfterTheOther) {
  const Declared declared{.deadlines = {}, .waits = {{.length_max = 10ms, .thread = ""}}};
  const auto verdict =
      judge_timeouts({wait(0ms, 10ms), wait(11ms, 10ms), wait(5ms, 10ms, "two")}, declared);
  EXPECT_THAT(verdict.unexplained, IsEmpty());
  EXPECT_EQ(verdict.declared_waits, 3U);
}

TEST(TimeoutJudge, DoesNotTakeALoopOfShorterWaitsForADeclaredOne) {
  cites(58);
  const Declared declared{.deadlines = {}, .waits = {{.length_max = 10ms, .thread = ""}}};
  const auto verdict =
      judge_timeouts({wait(0ms, 2ms), wait(2100us, 2ms), wait(4200us, 2ms)}, declared);
  EXPECT_THAT(verdict.unexplained, SizeIs(2));
  EXPECT_THAT(judge_timeouts({wait(0ms, 11ms)}, declared).unexplained, SizeIs(1));
}

TEST(TimeoutJudge, KeepsADeclaredWaitToItsThread) {
  const Declared declared{.deadlines = {}, .waits = {{.length_max = 10ms, .thread = "two"}}};
  EXPECT_THAT(judge_timeouts({wait(0ms, 10ms)}, declared).unexplained, SizeIs(1));
  EXPECT_THAT(judge_timeouts({wait(0ms, 10ms, "two")}, declared).unexplained, IsEmpty());
}

TEST(TimeoutJudge, DoesNotJudgeWhatTheRecordHadNoRoomFor) {
  const Declared declared{.deadlines = {}, .waits = {}, .unknown_from = Instant{10ms}};
  EXPECT_THAT(judge_timeouts({wait(0ms, 10ms)}, declared).unexplained, IsEmpty());
  EXPECT_THAT(judge_timeouts({wait(0ms, 9ms)}, declared).unexplained, SizeIs(1));
}

TEST(TimeoutJudge, NamesTestThreadNumberAndLengths) {
  const std::string text = describe({wait(0ms, 2ms), wait(3ms, 4ms), wait(0ms, 1ms, "two")});
  EXPECT_THAT(text, HasSubstr("Some.Test: 2 in thread 'one', of 2.000 to 4.000 ms"));
  EXPECT_THAT(text, HasSubstr("Some.Test: 1 in thread 'two', of 1.000 to 1.000 ms"));
}

}  // namespace
}  // namespace ordeal::trial
