// A host that was stopped, or got no processor, for longer than any deadline, and then hears of all
// that happened meanwhile at one instant: nobody is timed out whose reply is there, and no worker
// pays for it.
#include <gtest/gtest.h>

#include "pool/core/tests/core_stage.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool::core {
namespace {

CoreOptions watched(std::uint32_t size) {
  CoreOptions options;
  options.size = size;
  options.health_interval = 30s;
  options.health_timeout = 5s;
  return options;
}

// What lost time may cost is told by these.
std::uint64_t losses(const Stage& pool) {
  const Counters& c = pool.core.counters();
  return c.workers_lost + c.workers_recycled + c.start_failures;
}

TEST(Stall, AReplyThatIsThereCountsAlthoughItsDeadlineHasPassedMeanwhile) {
  cites_bug_class(20);
  Stage pool(watched(4));
  pool.open();
  std::vector<TicketId> tickets;
  for (int i = 0; i < 4; ++i) tickets.push_back(pool.submit(pool.now + 10s));
  pool.now += 40s;
  for (const TicketId ticket : tickets) pool.ended(ticket);
  for (const TicketId ticket : tickets) EXPECT_EQ(pool.outcome(ticket), ErrorCode::none);
  pool.feed(event::TimePassed{});
  EXPECT_EQ(losses(pool), 0U);
}

TEST(Stall, OfAStartOrAPingIsNoFailureOfTheWorkerWhoseAnswerIsThere) {
  cites_bug_class(20);
  Stage pool(watched(1));
  pool.feed(event::Opened{});
  pool.now += 1h;
  pool.ready(pool.starting.begin()->second);
  EXPECT_EQ(pool.core.counters().start_failures, 0U);
  pool.advance(31s);
  ASSERT_EQ(pool.core.counters().probes, 1U);
  pool.now += 1h;
  pool.feed(event::ProbeEnded{.worker = pool.core.workers().front().id});
  EXPECT_EQ(pool.core.counters().probe_failures, 0U);
  EXPECT_EQ(losses(pool), 0U);
}

TEST(Stall, EndsNoWaiterEarlyAndNoneTwice) {
  cites_bug_class(20);
  Stage pool(watched(1));
  pool.open();
  const TicketId served = pool.submit(pool.now + 10s);
  const TicketId too_late = pool.submit(pool.now + 39s);
  const TicketId in_time = pool.submit(pool.now + 41s);
  pool.now += 40s;
  pool.ended(served);
  EXPECT_EQ(pool.outcome(served), ErrorCode::none);
  EXPECT_EQ(pool.outcome(too_late), ErrorCode::queue_timeout);
  EXPECT_TRUE(pool.granted(in_time));
  pool.ended(in_time);
  EXPECT_EQ(pool.outcome(in_time), ErrorCode::none);
}

TEST(Stall, OfAnyLengthReplacesNobodyWhoAnswersAfterwards) {
  cites_bug_class(20);
  for (const Duration stall : {Duration{6s}, Duration{40s}, Duration{24h}}) {
    Stage pool(watched(4));
    pool.open();
    pool.advance(29s);  // somebody owes an answer
    pool.now += stall;
    pool.feed(event::TimePassed{});
    for (int round = 0; round < 100; ++round) {
      for (const action::Probe& ping : pool.said<action::Probe>()) {
        pool.feed(event::ProbeEnded{.worker = ping.worker});
      }
      pool.advance(1s);
    }
    EXPECT_GE(pool.core.counters().probes, 4U);
    EXPECT_EQ(losses(pool), 0U);
    for (const WorkerView& view : pool.core.workers()) EXPECT_EQ(view.health, Health::healthy);
  }
}

}  // namespace
}  // namespace ordeal::pool::core
