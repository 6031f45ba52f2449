// Overload: who would be late is turned away, who waited in a standing queue is shed; and a lease
// that is held for long is reported.
#include "pool/core/tests/core_stage.hpp"

namespace ordeal::pool::core {
namespace {

CoreOptions one_worker() {
  CoreOptions options;
  options.size = 1;
  return options;
}
CoreOptions rejecting() {
  CoreOptions options = one_worker();
  options.reject_late = true;
  return options;
}

// One request that takes so long, so that the pool knows.
void serve_one(Stage& pool, Duration service) {
  const TicketId ticket = pool.submit();
  pool.advance(service).ended(ticket);
}

TEST(Lateness, WhoseAnswerWouldComeBehindItsDeadlineIsTurnedAwayAtOnce) {
  cites_property(24);
  Stage pool(rejecting());
  pool.open();
  serve_one(pool, 100ms);
  pool.submit();  // has the worker
  pool.submit();  // waits
  const TicketId late = pool.submit(pool.now + 299ms);
  EXPECT_EQ(pool.outcome(late), ErrorCode::deadline_unreachable) << "two turns and its own: 300 ms";
  EXPECT_EQ(pool.outcomes.at(late.serial).retry_after, 1ms)
      << "by then the queue is so much shorter";
  EXPECT_EQ(pool.outcome(pool.submit(pool.now + 300ms)), std::nullopt);
  EXPECT_EQ(pool.core.counters().rejected, 1U);
}

TEST(Lateness, WithoutTheOptionItWaits) {
  cites_property(24);
  Stage pool(one_worker());
  pool.open();
  serve_one(pool, 100ms);
  pool.submit();
  pool.submit();
  EXPECT_EQ(pool.outcome(pool.submit(pool.now + 1ms)), std::nullopt);
}

TEST(Lateness, WhoStandsFirstMayAlwaysWaitSoThatWorseTimesAreUnlearnt) {
  cites_property(24);
  Stage pool(rejecting());
  pool.open();
  serve_one(pool, 1h);
  const TicketId running = pool.submit();
  const TicketId first = pool.submit(pool.now + 5ms);
  EXPECT_EQ(pool.outcome(first), std::nullopt);
  EXPECT_EQ(pool.outcome(pool.submit(pool.now + 5ms)), ErrorCode::deadline_unreachable);
  pool.ended(running);
  EXPECT_TRUE(pool.granted(first));
}

TEST(Lateness, ALateReplyHoldsItsSlotUntilItIsDrained) {
  cites_property(24);
  CoreOptions options = rejecting();
  options.quarantine_grace = 1s;
  Stage pool(options);
  pool.open();
  const TicketId slow = pool.submit(pool.now + 10ms);
  pool.advance(10ms).ended(slow, ExchangeVerdict::timed_out);
  const WorkerId worker = pool.worker_of(slow);
  pool.advance(90ms).feed(event::LateReplyDrained{worker, 0});
  pool.submit();
  pool.submit();
  EXPECT_EQ(pool.outcome(pool.submit(pool.now + 299ms)), ErrorCode::deadline_unreachable)
      << "100 ms each, not 10";
}

TEST(Lateness, APausedPoolTurnsNobodyAwayForIt) {
  cites_property(24);
  Stage pool(rejecting());
  pool.open();
  serve_one(pool, 1h);
  pool.feed(event::AdmissionOrdered{Admission::paused});
  pool.submit();
  EXPECT_EQ(pool.outcome(pool.submit(pool.now + 1ms)), std::nullopt);
}

TEST(Lateness, AStrictSessionWaitsForItsOwnWorkerOnly) {
  cites_property(24);
  CoreOptions options = rejecting();
  options.size = 2;
  Stage pool(options);
  pool.open();
  serve_one(pool, 100ms);
  const event::Submitted of_session{.session = 0, .affinity = AffinityPolicy::strict};
  pool.submit(of_session);  // has its worker
  pool.submit();            // has the other
  for (int i = 0; i < 5; ++i) pool.submit();
  event::Submitted mine = of_session;
  mine.deadline = pool.now + 250ms;
  EXPECT_EQ(pool.outcome(pool.submit(mine)), std::nullopt) << "the first in its worker's lane";
  EXPECT_EQ(pool.outcome(pool.submit(mine)), ErrorCode::deadline_unreachable);
}

CoreOptions shedding() {
  CoreOptions options = one_worker();
  options.shed_target = 5ms;
  options.shed_interval = 100ms;
  return options;
}

// A queue of so many, each of which takes 10 ms: how many of them were shed.
int shed_of(Stage& pool, int requests) {
  std::vector<TicketId> tickets;
  for (int i = 0; i < requests; ++i) tickets.push_back(pool.submit());
  int shed = 0;
  for (const TicketId ticket : tickets) {
    if (pool.outcome(ticket) == ErrorCode::request_shed) {
      ++shed;
    } else {
      pool.advance(10ms).ended(ticket);
    }
  }
  return shed;
}

TEST(Shedding, AQueueThatStandsIsShedAtItsTurns) {
  cites_property(21);
  Stage pool(shedding());
  pool.core.set_emit(true);
  pool.open();
  EXPECT_EQ(shed_of(pool, 50), 29) << "one waits for nothing in the first interval, all in the "
                                      "second; the first of the third is served, no other";
  EXPECT_EQ(pool.core.counters().shed + pool.core.counters().ok, 50U);
}

TEST(Shedding, WithoutTheOptionAllAreServed) {
  cites_property(21);
  Stage pool(one_worker());
  pool.open();
  EXPECT_EQ(shed_of(pool, 50), 0);
}

TEST(Shedding, AShortBurstIsServed) {
  cites_property(21);
  Stage pool(shedding());
  pool.open();
  EXPECT_EQ(shed_of(pool, 8), 0);
  EXPECT_EQ(shed_of(pool, 8), 0) << "the first of each burst waited for nothing";
}

TEST(Shedding, ItsBeginAndItsEndAreTold) {
  cites_property(21);
  Stage pool(shedding());
  pool.core.set_emit(true);
  pool.open();
  std::vector<TicketId> tickets;
  for (int i = 0; i < 25; ++i) tickets.push_back(pool.submit());
  bool began = false;
  for (const TicketId ticket : tickets) {
    if (pool.outcome(ticket)) continue;
    pool.advance(10ms).ended(ticket);
    began = began || pool.told(Occurrence::overload_began);
  }
  EXPECT_TRUE(began);
  pool.submit();
  EXPECT_TRUE(pool.told(Occurrence::overload_ended)) << "waited for nothing";
}

TEST(Shedding, WhoHadAWorkerAlreadyStays) {
  cites_property(21);
  Stage pool(shedding());
  pool.open();
  shed_of(pool, 25);  // it is overloaded now, or nearly
  const TicketId retried = pool.submit(
      {.idempotent = true, .retry = {.max_retries = 3, .base_delay = 1ms, .max_delay = 1ms}});
  for (int i = 0; i < 30; ++i) pool.submit();
  pool.ended(retried, ExchangeVerdict::application_error);
  EXPECT_NE(pool.outcome(retried), ErrorCode::request_shed);
}

TEST(LeaseLimit, ALeaseHeldForLongerIsReportedOnce) {
  cites(4);
  CoreOptions options = one_worker();
  options.lease_limit = 5s;
  Stage pool(options);
  pool.core.set_emit(true);
  pool.open();
  const TicketId lease = pool.submit(never, true);
  pool.advance(5s - 1ns);
  EXPECT_FALSE(pool.told(Occurrence::lease_overdue));
  pool.advance(1ns);
  ASSERT_TRUE(pool.told(Occurrence::lease_overdue));
  EXPECT_EQ(pool.said<action::Emit>().front().worker, pool.worker_of(lease));
  EXPECT_EQ(pool.said<action::Emit>().front().duration, 5s);
  pool.advance(1h);
  EXPECT_FALSE(pool.told(Occurrence::lease_overdue));
  EXPECT_EQ(pool.core.counters().leases_overdue, 1U);
  EXPECT_EQ(pool.outcome(lease), std::nullopt) << "it is not taken away";
}

TEST(LeaseLimit, ALeaseThatIsGivenBackInTimeAndACallAreNot) {
  cites(4);
  CoreOptions options = one_worker();
  options.lease_limit = 5s;
  Stage pool(options);
  pool.open();
  const TicketId lease = pool.submit(never, true);
  pool.advance(4s).ended(lease);
  const TicketId call = pool.submit();
  pool.advance(1h).ended(call);
  EXPECT_EQ(pool.core.counters().leases_overdue, 0U);
}

TEST(LeaseLimit, TheTimeInTheQueueDoesNotCount) {
  cites(4);
  CoreOptions options = one_worker();
  options.lease_limit = 5s;
  Stage pool(options);
  pool.open();
  const TicketId call = pool.submit();
  const TicketId lease = pool.submit(never, true);
  pool.advance(4s).ended(call);
  pool.advance(4s);
  EXPECT_EQ(pool.core.counters().leases_overdue, 0U);
  pool.advance(1s);
  EXPECT_EQ(pool.core.counters().leases_overdue, 1U);
  pool.ended(lease);
}

}  // namespace
}  // namespace ordeal::pool::core
