// Each checker passes a right history and is seen to fail on a made-up wrong one.
#include "testing/checkers/timing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <vector>

#include "testing/cites/cites.hpp"

namespace ordeal::trial {
namespace {

using namespace std::chrono_literals;
using pool::core::Duration;
using pool::core::Instant;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Instant at(Duration since) { return Instant{since}; }

// Handed over within 1 ms, begun at `began` by worker 1.
TimedCall call(std::string name, Duration submitted, Duration began) {
  return {.name = std::move(name),
          .submitted = at(submitted),
          .accepted = at(submitted + 1ms),
          .deadline = at(100ms),
          .ended = at(began + 5ms),
          .worker = 1,
          .began = at(began)};
}

TimedCall over(std::string name, Duration ended) {
  return {.name = std::move(name),
          .submitted = at(0ms),
          .accepted = at(1ms),
          .deadline = at(100ms),
          .ended = at(ended),
          .code = "queue_timeout"};
}

TEST(Order, WhoCameFirstIsBegunFirst) {
  cites(5);
  const std::vector<TimedCall> calls{call("a", 0ms, 10ms), call("b", 2ms, 20ms),
                                     call("c", 4ms, 30ms)};
  EXPECT_TRUE(OrderChecker{}.check(calls).passed());
}

TEST(Order, WhoOvertakesIsNamedAndWhoWasOvertaken) {
  cites(5);
  cites_bug_class(16);
  const std::vector<TimedCall> calls{call("a", 0ms, 10ms), call("b", 2ms, 30ms),
                                     call("c", 4ms, 20ms)};
  const Verdict verdict = OrderChecker{}.check(calls);
  EXPECT_EQ(verdict.kind(), Verdict::Kind::fail);
  EXPECT_THAT(verdict.evidence(),
              ElementsAre("c came 1.000 ms after b was in the queue, and worker 1 began it 10.000 "
                          "ms before that one"));
}

TEST(Order, ConcurrentSubmissionsHaveNone) {
  std::vector<TimedCall> calls{call("a", 0ms, 10ms), call("b", 2ms, 30ms), call("c", 4ms, 40ms)};
  calls[0].began = at(35ms);  // b was handed over while a was, too
  calls[0].accepted = at(3ms);
  EXPECT_TRUE(OrderChecker{}.check(calls).passed());
}

TEST(Order, OfTwoWorkersIsNotCompared) {
  std::vector<TimedCall> calls{call("a", 0ms, 10ms), call("b", 2ms, 30ms), call("c", 4ms, 20ms),
                               call("d", 6ms, 40ms)};
  calls[2].worker = 2;
  EXPECT_TRUE(OrderChecker{}.check(calls).passed());
}

TEST(Order, IsUnknownWhereNobodyWaited) {
  const std::vector<TimedCall> calls{call("a", 0ms, 2ms), call("b", 5ms, 7ms)};
  EXPECT_EQ(OrderChecker{}.check(calls).kind(), Verdict::Kind::unknown);
}

TEST(Deadlines, AreKept) {
  cites(53);
  const std::vector<TimedCall> calls{call("a", 0ms, 10ms), over("b", 100ms)};
  EXPECT_TRUE(DeadlineChecker{}.check(calls).passed());
}

TEST(Deadlines, ATimeOutBeforeTheDeadlineIsFound) {
  cites(53);
  const Verdict verdict = DeadlineChecker{.slack = 50ms}.check(std::vector{over("b", 99ms)});
  EXPECT_THAT(verdict.evidence(),
              ElementsAre("b was told queue_timeout 1.000 ms before its deadline"));
}

TEST(Deadlines, AnOutcomeBehindTheDeadlineIsFound) {
  cites(53);
  const std::vector<TimedCall> calls{over("a", 100ms), call("b", 0ms, 98ms)};
  const Verdict verdict = DeadlineChecker{}.check(calls);
  EXPECT_THAT(verdict.evidence(),
              ElementsAre("b had its outcome (ok) 3.000 ms after its deadline"));
  EXPECT_TRUE(DeadlineChecker{.slack = 3ms}.check(calls).passed());
}

TEST(Deadlines, ACallThatIsBegunBehindItsDeadlineIsFound) {
  cites(5);
  std::vector<TimedCall> calls{over("a", 100ms)};
  calls[0].worker = 1;
  calls[0].began = at(101ms);
  EXPECT_THAT(DeadlineChecker{}.check(calls).evidence(),
              ElementsAre(HasSubstr("was begun by worker 1 1.000 ms after its deadline")));
}

TEST(Deadlines, AreUnknownWhereNoTimeWasOver) {
  EXPECT_EQ(DeadlineChecker{}.check(std::vector{call("a", 0ms, 10ms)}).kind(),
            Verdict::Kind::unknown);
}

}  // namespace
}  // namespace ordeal::trial
