// Requests: admitted, refused, waiting, granted (core/admission.cpp).
#include "pool/core/tests/core_stage.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool::core {
namespace {

CoreOptions two_workers() {
  CoreOptions options;
  options.size = 2;
  return options;
}

TEST(Admission, GrantsAtOnceWhenAWorkerIsIdle) {
  cites(5);
  Stage pool(two_workers());
  pool.open();
  const TicketId a = pool.submit();
  ASSERT_TRUE(pool.granted(a));
  EXPECT_EQ(pool.state(pool.worker_of(a)), WorkerState::busy);
  pool.ended(a);
  EXPECT_EQ(pool.outcome(a), ErrorCode::none);
  EXPECT_EQ(pool.state(pool.worker_of(a)), WorkerState::ready);
  EXPECT_EQ(pool.core.counters().ok, 1U);
}

TEST(Admission, WaitsWhileStartsAreUnderWay) {
  Stage pool(two_workers());
  pool.feed(event::Opened{});
  const TicketId a = pool.submit();
  EXPECT_FALSE(pool.granted(a));
  pool.all_ready();
  EXPECT_TRUE(pool.granted(a));
}

TEST(Admission, HandsOverInOrderOfSubmission) {
  cites(5);
  Stage pool(two_workers());
  pool.open();
  const TicketId a = pool.submit();
  const TicketId b = pool.submit();
  const TicketId c = pool.submit();
  const TicketId d = pool.submit();
  EXPECT_FALSE(pool.granted(c));
  pool.ended(b);
  EXPECT_TRUE(pool.granted(c));
  EXPECT_FALSE(pool.granted(d));
  pool.ended(a);
  EXPECT_TRUE(pool.granted(d));
}

TEST(Admission, ServesTheMostRecentlyUsedIdleWorkerFirst) {
  Stage pool(two_workers());
  pool.open();
  const TicketId a = pool.submit();
  pool.submit();
  pool.ended(a);
  const TicketId c = pool.submit();
  EXPECT_EQ(pool.worker_of(c), pool.worker_of(a));
}

TEST(Admission, RefusesOneMoreThanTheQueueHolds) {
  CoreOptions options = two_workers();
  options.queue_max = 2;
  Stage pool(options);
  pool.core.set_emit(true);
  pool.feed(event::Opened{});
  const TicketId a = pool.submit();
  const TicketId b = pool.submit();
  const TicketId c = pool.submit();
  EXPECT_EQ(pool.outcome(a), std::nullopt);
  EXPECT_EQ(pool.outcome(b), std::nullopt);
  EXPECT_EQ(pool.outcome(c), ErrorCode::queue_full);
  EXPECT_TRUE(pool.told(Occurrence::queue_full));
  EXPECT_EQ(pool.core.counters().rejected, 1U);
}

TEST(Admission, AnExpiredWaiterMakesRoomForANewcomer) {
  CoreOptions options = two_workers();
  options.queue_max = 1;
  Stage pool(options);
  pool.feed(event::Opened{});
  const TicketId a = pool.submit(pool.now + 1s);
  pool.now += 1s;
  const TicketId b = pool.submit();
  EXPECT_EQ(pool.outcome(a), ErrorCode::queue_timeout);
  EXPECT_EQ(pool.outcome(b), std::nullopt);
}

TEST(Admission, ExpiredOnArrivalNeverWaits) {
  cites(5);
  Stage pool(two_workers());
  pool.open();
  EXPECT_EQ(pool.outcome(pool.submit(pool.now)), ErrorCode::queue_timeout);
  EXPECT_EQ(pool.core.counters().timed_out, 1U);
}

TEST(Admission, AWaiterWhoseDeadlineIsThisInstantGetsNoWorker) {
  cites(5);
  Stage pool(two_workers());
  pool.open();
  const TicketId a = pool.submit();
  pool.submit();
  const TicketId c = pool.submit(pool.now + 1s);
  pool.now += 1s;
  pool.ended(a);
  EXPECT_FALSE(pool.granted(c));
  EXPECT_EQ(pool.outcome(c), ErrorCode::queue_timeout);
}

TEST(Admission, ACancelledWaiterLeavesWithoutEffectOnOthers) {
  cites(9);
  Stage pool(two_workers());
  pool.open();
  const TicketId a = pool.submit();
  pool.submit();
  const TicketId c = pool.submit();
  const TicketId d = pool.submit();
  pool.cancel(c);
  EXPECT_EQ(pool.outcome(c), ErrorCode::cancelled);
  pool.ended(a);
  EXPECT_TRUE(pool.granted(d));
  EXPECT_FALSE(pool.granted(c));
}

TEST(Admission, CancelOfAResolvedTicketIsANoOp) {
  Stage pool(two_workers());
  pool.open();
  const TicketId a = pool.submit();
  pool.ended(a);
  pool.cancel(a);
  EXPECT_TRUE(pool.last.empty());
}

TEST(Admission, OverflowRunsSizePlusOverflowAtOnceAndQueuesTheNext) {
  cites(7);
  CoreOptions options = two_workers();
  options.overflow = 2;
  Stage pool(options);
  pool.open();
  std::vector<TicketId> tickets;
  for (int i = 0; i < 5; ++i) {
    tickets.push_back(pool.submit());
    pool.all_ready();
  }
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(pool.granted(tickets[static_cast<std::size_t>(i)]));
  EXPECT_FALSE(pool.granted(tickets[4]));
  EXPECT_EQ(pool.core.workers().size(), 4U);
}

TEST(Admission, StartsNoMoreOverflowWorkersThanRequestsWait) {
  cites(7);
  CoreOptions options = two_workers();
  options.overflow = 4;
  Stage pool(options);
  pool.open();
  pool.submit();
  pool.submit();
  EXPECT_TRUE(pool.said<action::Spawn>().empty());
  pool.submit();
  ASSERT_EQ(pool.said<action::Spawn>().size(), 1U);
  EXPECT_TRUE(pool.said<action::Spawn>()[0].overflow);
  EXPECT_EQ(pool.core.workers().size(), 3U);
}

TEST(Admission, IdleSurplusIsAskedToLeave) {
  cites(3);
  CoreOptions options = two_workers();
  options.overflow = 1;
  Stage pool(options);
  pool.open();
  const TicketId a = pool.submit();
  const TicketId b = pool.submit();
  const TicketId c = pool.submit();
  pool.all_ready();
  pool.ended(a);
  pool.advance(1s);
  pool.ended(c);
  pool.advance(options.overflow_idle_timeout - 1s - 1ns);
  EXPECT_TRUE(pool.said<action::AskToStop>().empty());
  pool.advance(1ns);
  ASSERT_EQ(pool.said<action::AskToStop>().size(), 1U);
  EXPECT_EQ(pool.said<action::AskToStop>()[0].worker, pool.worker_of(a)) << "the longest idle one";
  pool.exited(pool.worker_of(a));
  EXPECT_TRUE(pool.said<action::Spawn>().empty());
  pool.ended(b);
  pool.advance(1h);
  EXPECT_EQ(pool.core.workers().size(), 2U);
}

TEST(Admission, AWorkerWithFourSlotsTakesFourRequests) {
  CoreOptions options;
  options.size = 1;
  options.slots_max = 4;
  Stage pool(options);
  pool.open(9);
  std::vector<TicketId> tickets;
  for (int i = 0; i < 5; ++i) tickets.push_back(pool.submit());
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(pool.grants.at(tickets[i].serial).slot, i);
  EXPECT_FALSE(pool.granted(tickets[4]));
  pool.ended(tickets[2]);
  EXPECT_EQ(pool.grants.at(tickets[4].serial).slot, 2U);
}

}  // namespace
}  // namespace ordeal::pool::core
