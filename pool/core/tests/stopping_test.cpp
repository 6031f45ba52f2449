// The end of the pool (core/stopping.cpp).
#include "pool/core/tests/core_stage.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool::core {
namespace {

using V = ExchangeVerdict;
using P = WireProgress;
using C = ErrorCode;

CoreOptions sized(std::uint32_t size) {
  CoreOptions options;
  options.size = size;
  return options;
}

TEST(Stopping, WaitersAndNewcomersGetADefiniteError) {
  cites(10);
  Stage pool(sized(1));
  pool.open();
  const TicketId a = pool.submit();
  const TicketId b = pool.submit();
  pool.stop(5s);
  EXPECT_EQ(pool.outcome(b), C::pool_stopping);
  EXPECT_EQ(pool.outcome(pool.submit()), C::pool_stopping);
  EXPECT_EQ(pool.outcome(a), std::nullopt);
  EXPECT_TRUE(pool.core.stopping());
}

TEST(Stopping, RunningRequestsFinishThenTheirWorkersAreAsked) {
  cites(10);
  Stage pool(sized(1));
  pool.open();
  const TicketId a = pool.submit();
  pool.stop(5s);
  EXPECT_TRUE(pool.said<action::AskToStop>().empty());
  pool.ended(a);
  EXPECT_EQ(pool.outcome(a), C::none);
  EXPECT_EQ(pool.said<action::AskToStop>().size(), 1U);
  EXPECT_EQ(pool.stopped, 0);
  pool.exited(pool.worker_of(a));
  EXPECT_EQ(pool.stopped, 1);
  EXPECT_TRUE(std::holds_alternative<action::Stopped>(pool.last.back()));
}

TEST(Stopping, AnIdleWorkerIsAskedThenTerminatedThenKilled) {
  cites(10);
  Stage pool(sized(1));
  pool.open();
  pool.stop(1h);
  EXPECT_EQ(pool.said<action::AskToStop>().size(), 1U);
  pool.advance(1s);
  ASSERT_EQ(pool.said<action::Kill>().size(), 1U);
  EXPECT_EQ(pool.said<action::Kill>()[0].signal, KillSignal::terminate);
  pool.advance(1s);
  ASSERT_EQ(pool.said<action::Kill>().size(), 1U);
  EXPECT_EQ(pool.said<action::Kill>()[0].signal, KillSignal::kill);
  EXPECT_EQ(pool.said<action::Kill>()[0].reason, KillReason::did_not_stop);
  pool.advance(1h);
  EXPECT_TRUE(pool.said<action::Kill>().empty()) << "killed once is killed";
}

TEST(Stopping, PolitenessEndsWithTheGrace) {
  cites(10);
  Stage pool(sized(1));
  pool.open();
  pool.stop(300ms);
  pool.advance(300ms);
  ASSERT_EQ(pool.said<action::Kill>().size(), 1U);
  EXPECT_EQ(pool.said<action::Kill>()[0].signal, KillSignal::kill);
  EXPECT_EQ(pool.said<action::Kill>()[0].reason, KillReason::stop_grace_over);
}

TEST(Stopping, WhatStillRunsWhenTheGraceIsOverIsStoppedInFlight) {
  cites(10);
  Stage pool(sized(1));
  pool.open();
  const TicketId a = pool.submit();
  pool.stop(300ms);
  pool.advance(300ms);
  ASSERT_EQ(pool.said<action::Kill>().size(), 1U);
  EXPECT_EQ(pool.said<action::Kill>()[0].reason, KillReason::stop_grace_over);
  pool.ended(a, V::lost);
  pool.exited(pool.worker_of(a));
  EXPECT_EQ(pool.outcome(a), C::stopped_in_flight);
  EXPECT_EQ(pool.stopped, 1);
}

TEST(Stopping, AReplyThatWasReadBeforeTheKillStillCounts) {
  Stage pool(sized(1));
  pool.open();
  const TicketId a = pool.submit();
  pool.stop(0s);
  pool.ended(a);
  EXPECT_EQ(pool.outcome(a), C::none);
  pool.exited(pool.worker_of(a));
  EXPECT_EQ(pool.stopped, 1);
}

TEST(Stopping, WithoutGraceEverythingIsKilledAtOnce) {
  cites(10);
  Stage pool(sized(2));
  pool.open();
  pool.submit();
  pool.stop(0s);
  EXPECT_EQ(pool.said<action::Kill>().size(), 2U);
}

TEST(Stopping, ASecondStopCanOnlyShorten) {
  cites(10);
  Stage pool(sized(1));
  pool.open();
  pool.submit();
  pool.stop(5s);
  pool.stop(1h);
  pool.advance(5s);
  EXPECT_EQ(pool.said<action::Kill>().size(), 1U);

  Stage other(sized(1));
  other.open();
  other.submit();
  other.stop(1h);
  other.stop(1s);
  other.advance(1s);
  EXPECT_EQ(other.said<action::Kill>().size(), 1U);
}

TEST(Stopping, StartingWorkersAreKilledAndNobodyIsStartedAfterwards) {
  cites(10);
  Stage pool(sized(2));
  pool.feed(event::Opened{});
  const auto starting = pool.starting;
  pool.stop(5s);
  EXPECT_EQ(pool.said<action::Kill>().size(), 2U);
  for (const auto& [serial, worker] : starting) {
    pool.feed(event::WorkerReady{worker, 1});
    pool.exited(worker);
  }
  EXPECT_EQ(pool.core.counters().spawns, 2U);
  EXPECT_EQ(pool.core.counters().start_failures, 0U);
  EXPECT_EQ(pool.stopped, 1);
}

TEST(Stopping, DuringABackOffNobodyIsStartedAfterwards) {
  cites(10);
  Stage pool(sized(1));
  pool.feed(event::Opened{});
  pool.exited(pool.starting.begin()->second);
  pool.stop(5s);
  EXPECT_EQ(pool.stopped, 1);
  EXPECT_EQ(pool.core.poll_timeout(), std::nullopt);
  pool.advance(1h);
  EXPECT_EQ(pool.core.counters().spawns, 1U);
}

TEST(Stopping, AQuarantinedWorkerIsKilledAtOnce) {
  Stage pool(sized(1));
  pool.open();
  const TicketId a = pool.submit();
  pool.ended(a, V::timed_out);
  pool.stop(5s);
  EXPECT_EQ(pool.said<action::Kill>().size(), 1U);
}

TEST(Stopping, ATimeOutDuringTheStopIsNotDrained) {
  Stage pool(sized(1));
  pool.open();
  const TicketId a = pool.submit();
  pool.stop(5s);
  pool.ended(a, V::timed_out);
  EXPECT_TRUE(pool.said<action::Drain>().empty());
  EXPECT_EQ(pool.said<action::Kill>().size(), 1U);
}

TEST(Stopping, AWorkerThatDiesDuringTheStopIsNotReplaced) {
  cites(10);
  Stage pool(sized(1));
  pool.open();
  const TicketId a = pool.submit();
  pool.stop(5s);
  pool.ended(a, V::lost);
  pool.exited(pool.worker_of(a));
  EXPECT_EQ(pool.outcome(a), C::worker_died);
  EXPECT_EQ(pool.core.counters().spawns, 1U);
  EXPECT_EQ(pool.stopped, 1);
}

TEST(Stopping, APutBackRequestOfAStoppingPoolDidNotHappen) {
  cites(10);
  Stage pool(sized(1));
  pool.open();
  const TicketId a = pool.submit();
  pool.stop(5s);
  pool.ended(a, V::lost, P::untouched);
  EXPECT_EQ(pool.outcome(a), C::pool_stopping);
}

TEST(Stopping, AStoppedPoolRefusesForEverAndStopsOnce) {
  cites(10);
  Stage pool(sized(1));
  pool.open();
  pool.stop(0s);
  pool.exited(pool.core.workers()[0].id);
  EXPECT_EQ(pool.stopped, 1);
  pool.stop(0s);
  EXPECT_EQ(pool.outcome(pool.submit()), C::pool_stopping);
  pool.advance(1h);
  EXPECT_EQ(pool.stopped, 1);
}

TEST(Stopping, StoppedWaitsForTheLastDriver) {
  Stage pool(sized(1));
  pool.open();
  const TicketId a = pool.submit();
  pool.stop(0s);
  pool.exited(pool.worker_of(a));
  EXPECT_EQ(pool.stopped, 0);
  pool.ended(a, V::lost);
  EXPECT_EQ(pool.outcome(a), C::stopped_in_flight);
  EXPECT_EQ(pool.stopped, 1);
}

TEST(Stopping, ARetiredOverflowWorkerThatWillNotLeaveIsKilled) {
  CoreOptions options = sized(1);
  options.overflow = 1;
  Stage pool(options);
  pool.open();
  const TicketId a = pool.submit();
  const TicketId b = pool.submit();
  pool.all_ready();
  pool.ended(a).ended(b);
  pool.advance(options.overflow_idle_timeout);
  EXPECT_EQ(pool.said<action::AskToStop>().size(), 1U);
  pool.advance(options.ask_grace + options.terminate_grace);
  EXPECT_EQ(pool.said<action::Kill>().size(), 2U);
  EXPECT_EQ(pool.core.counters().workers_lost, 0U);
}

}  // namespace
}  // namespace ordeal::pool::core
