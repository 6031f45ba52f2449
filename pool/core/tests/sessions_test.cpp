// Which worker the requests of a session get, and what follows from a binding's end.
#include <gtest/gtest.h>

#include "pool/core/tests/core_stage.hpp"

namespace ordeal::pool::core {
namespace {

using V = ExchangeVerdict;
using P = WireProgress;

class Sessions : public ::testing::Test {
 protected:
  static CoreOptions options() {
    CoreOptions o{.size = 2};
    o.affinity_wait = 20ms;
    o.affinity_timeout = 1s;
    return o;
  }
  void SetUp() override {
    pool.core.set_emit(true);
    pool.open();
  }
  TicketId of(std::uint32_t session, AffinityPolicy policy = AffinityPolicy::strict,
              std::uint64_t state_in_worker = 0, Instant deadline = never) {
    return pool.submit({.deadline = deadline,
                        .session = session,
                        .affinity = policy,
                        .state_in_worker = state_in_worker});
  }
  TicketId prefers(std::uint32_t session) { return of(session, AffinityPolicy::prefer); }
  // Binds the session, and returns its worker, free again.
  WorkerId bind(std::uint32_t session) {
    const TicketId ticket = of(session);
    pool.ended(ticket);
    return pool.worker_of(ticket);
  }
  [[nodiscard]] AffinityOutcome affinity(TicketId ticket) const {
    return pool.grants.at(ticket.serial).affinity;
  }
  // Takes the worker away from the session, until ended.
  TicketId occupy(WorkerId worker) {
    const TicketId first = pool.submit();
    if (pool.worker_of(first) == worker) return first;
    const TicketId second = pool.submit();
    pool.ended(first);
    return second;
  }

  Stage pool{options()};
};

TEST_F(Sessions, AreSpreadOverTheWorkersAlthoughTheMostRecentlyUsedOneIsFree) {
  cites(29);
  const WorkerId one = bind(0);
  const WorkerId two = bind(1);
  EXPECT_NE(one, two);
  (void)bind(2);
  (void)bind(3);
  for (const WorkerView& worker : pool.core.workers()) EXPECT_EQ(worker.bindings, 2U);
  EXPECT_EQ(pool.core.counters().bindings, 4U);
}

TEST_F(Sessions, StrictKeepsToItsWorkerAndIsToldSo) {
  cites(24);
  const WorkerId worker = bind(0);
  const TicketId other = occupy(worker);
  const TicketId waits = of(0);
  EXPECT_FALSE(pool.granted(waits)) << "though another worker is free";
  const TicketId anybody = pool.submit();
  EXPECT_TRUE(pool.granted(anybody)) << "(30) a session that waits delays nobody else";
  pool.ended(anybody).advance(1h);
  EXPECT_FALSE(pool.granted(waits));
  pool.ended(other);
  EXPECT_EQ(pool.worker_of(waits), worker);
  EXPECT_EQ(affinity(waits), AffinityOutcome::hit);
}

TEST_F(Sessions, PreferWaitsSoLongAndThenIsBoundToAnother) {
  cites(24);
  const WorkerId worker = bind(0);
  const TicketId other = occupy(worker);
  const TicketId waits = prefers(0);
  pool.advance(20ms - 1ns);
  EXPECT_FALSE(pool.granted(waits));
  pool.advance(1ns);
  EXPECT_TRUE(pool.told(Occurrence::session_wait_over));
  EXPECT_TRUE(pool.told(Occurrence::session_rebound));
  EXPECT_NE(pool.worker_of(waits), worker);
  EXPECT_EQ(affinity(waits), AffinityOutcome::rebound);
  pool.ended(other).ended(waits);
  EXPECT_EQ(bind(0), pool.worker_of(waits)) << "where it is bound now";
}

TEST_F(Sessions, PreferTakesItsWorkerWhenThatIsFreeInTime) {
  cites(24);
  const WorkerId worker = bind(0);
  const TicketId other = occupy(worker);
  const TicketId waits = prefers(0);
  pool.advance(10ms);
  pool.ended(other);
  EXPECT_EQ(pool.worker_of(waits), worker);
  EXPECT_EQ(pool.core.counters().affinity_waits_over, 0U);
}

TEST_F(Sessions, AWorkerTakesTheOlderOfItsOwnWaitersAndAllOthers) {
  cites(30);
  const WorkerId worker = bind(0);
  const TicketId a = occupy(worker);
  const TicketId b = pool.submit();
  const TicketId older = pool.submit();
  const TicketId mine = of(0);
  const TicketId younger = pool.submit();
  pool.ended(a);
  EXPECT_EQ(pool.worker_of(older), worker) << "nobody is passed for affinity's sake";
  pool.ended(b);
  EXPECT_TRUE(pool.granted(younger)) << "who need not wait for that worker goes on";
  EXPECT_FALSE(pool.granted(mine));
  pool.ended(older);
  EXPECT_EQ(pool.worker_of(mine), worker);
}

TEST_F(Sessions, OneThatIsBoundWhileItWaitsGoesToThatWorker) {
  cites(24);
  const TicketId a = pool.submit();
  const TicketId b = pool.submit();
  const TicketId first = of(0);
  const TicketId second = of(0);
  const TicketId anybody = pool.submit();
  pool.ended(a);
  ASSERT_TRUE(pool.granted(first));
  pool.ended(b);
  EXPECT_FALSE(pool.granted(second)) << "its session is bound by now";
  EXPECT_TRUE(pool.granted(anybody));
  pool.ended(first);
  EXPECT_EQ(pool.worker_of(second), pool.worker_of(first));
}

TEST_F(Sessions, AWorkersEndUnbindsItsSessionsAndTheirNextRequestsBindThemOnce) {
  cites(26);
  const WorkerId worker = bind(0);
  const WorkerId another = bind(1);
  (void)bind(2);
  const std::uint32_t lost = worker == pool.worker_of(TicketId{0, 3}) ? 2 : 1;
  pool.exited(worker);
  ASSERT_EQ(pool.core.counters().bindings_lost, lost);
  EXPECT_TRUE(pool.told(Occurrence::session_bindings_lost));
  pool.all_ready();
  const TicketId again = of(0);
  EXPECT_TRUE(pool.told(Occurrence::session_rebound));
  EXPECT_EQ(affinity(again), AffinityOutcome::rebound);
  pool.ended(again);
  EXPECT_EQ(pool.core.counters().affinity_rebinds, 1U);
  EXPECT_EQ(bind(1), another);
  EXPECT_EQ(pool.core.counters().affinity_rebinds, 1U);
  EXPECT_EQ(bind(0), pool.worker_of(again));
  EXPECT_EQ(pool.core.counters().affinity_rebinds, 1U);
}

TEST_F(Sessions, WhoWaitsForAWorkerThatDiesWaitsForAnyBySerial) {
  cites(5);
  const WorkerId worker = bind(0);
  const TicketId a = occupy(worker);
  const TicketId b = pool.submit();
  const TicketId first = pool.submit();
  const TicketId mine = of(0);
  const TicketId last = pool.submit();
  pool.exited(worker).ended(a, V::lost);
  pool.ended(b);
  EXPECT_TRUE(pool.granted(first));
  pool.ended(first);
  EXPECT_EQ(affinity(mine), AffinityOutcome::rebound);
  EXPECT_FALSE(pool.granted(last));
}

TEST_F(Sessions, ARequestThatReliesOnAWorkersStateGetsThatWorkerOrIsToldThatItIsLost) {
  const WorkerId worker = bind(0);
  const TicketId fine = of(0, AffinityPolicy::prefer, worker.serial);
  EXPECT_EQ(pool.worker_of(fine), worker);
  const TicketId waits = of(0, AffinityPolicy::prefer, worker.serial);
  pool.advance(1h);
  EXPECT_FALSE(pool.granted(waits)) << "another worker will not do, however long it takes";
  pool.exited(worker);
  EXPECT_EQ(pool.outcome(waits), ErrorCode::session_state_lost);
  EXPECT_EQ(pool.outcomes.at(waits.serial).worker.serial, 0U) << "it is bound to nobody now";
  pool.ended(fine, V::lost);
  const TicketId anew = of(0);
  const WorkerId other = pool.worker_of(anew);
  const TicketId moved = of(0, AffinityPolicy::strict, worker.serial);
  EXPECT_EQ(pool.outcome(moved), ErrorCode::session_state_lost);
  EXPECT_EQ(pool.outcomes.at(moved.serial).worker, other) << "it has moved there";
  EXPECT_EQ(pool.core.counters().rejected, 2U);
}

TEST_F(Sessions, AMovedSessionTakesItsWaitersAlong) {
  cites(25);
  const WorkerId worker = bind(0);
  const TicketId other = occupy(worker);
  const TicketId strict = of(0);
  const TicketId stateful = of(0, AffinityPolicy::strict, worker.serial);
  const TicketId prefer = prefers(0);
  const TicketId neighbour = of(bind(1) == worker ? 1 : 0);
  (void)neighbour;
  pool.advance(20ms);
  const WorkerId now = pool.worker_of(prefer);
  EXPECT_NE(now, worker);
  EXPECT_EQ(pool.outcome(stateful), ErrorCode::session_state_lost);
  pool.ended(other);
  EXPECT_FALSE(pool.granted(strict)) << "its session's worker is another now";
  pool.ended(prefer);
  EXPECT_EQ(pool.worker_of(strict), now);
}

TEST_F(Sessions, ABindingThatNobodyUsesEndsByItsOwnTimerAndIsForgotten) {
  cites(27);
  (void)bind(7);
  pool.advance(1s - 1ns);
  EXPECT_TRUE(pool.said<action::ForgetSession>().empty());
  pool.advance(1ns);
  EXPECT_TRUE(pool.told(Occurrence::session_binding_expired));
  ASSERT_EQ(pool.said<action::ForgetSession>().size(), 1U);
  EXPECT_EQ(pool.said<action::ForgetSession>()[0].session, 7U);
  EXPECT_EQ(pool.core.counters().bindings_expired, 1U);
  EXPECT_EQ(pool.core.poll_timeout(), std::nullopt);
}

TEST_F(Sessions, NoRequestMeetsABindingThatHasExpiredHoweverLateTheCoreIsWoken) {
  cites(27);
  (void)bind(0);
  pool.now += 1s;  // nobody has woken the core
  const TicketId late = of(0);
  EXPECT_EQ(affinity(late), AffinityOutcome::bound);
  EXPECT_TRUE(pool.said<action::ForgetSession>().empty()) << "its number is in use again";
}

TEST_F(Sessions, OneThatWasNeverServedIsForgottenAtOnce) {
  const TicketId a = pool.submit();
  const TicketId b = pool.submit();
  const TicketId waits = of(3);
  pool.cancel(waits);
  ASSERT_EQ(pool.said<action::ForgetSession>().size(), 1U);
  EXPECT_EQ(pool.said<action::ForgetSession>()[0].session, 3U);
  pool.ended(a).ended(b);
}

TEST_F(Sessions, AnEndedSessionIsUnboundUnlessItIsInUse) {
  const WorkerId worker = bind(0);
  const TicketId runs = of(0);
  pool.feed(event::SessionEnded{0});
  EXPECT_EQ(pool.core.counters().bindings, 1U);
  pool.ended(runs);
  EXPECT_EQ(pool.worker_of(runs), worker);
  pool.feed(event::SessionEnded{0});
  EXPECT_EQ(pool.core.counters().bindings, 0U);
  EXPECT_EQ(pool.said<action::ForgetSession>().size(), 1U);
  pool.feed(event::SessionEnded{0});
  EXPECT_TRUE(pool.last.empty());
}

TEST_F(Sessions, WithAPolicyWaitForNoStoppingPool) {
  cites(10);
  const WorkerId worker = bind(0);
  const TicketId runs = occupy(worker);
  const TicketId waits = of(0);
  pool.stop(1s);
  EXPECT_EQ(pool.outcome(waits), ErrorCode::pool_stopping);
  pool.ended(runs);
}

TEST(SessionsAndSize, WhoWaitsForItsOwnWorkerAsksForNoOther) {
  CoreOptions options{.size = 1, .overflow = 1};
  Stage pool(options);
  pool.open();
  const event::Submitted strict{.session = 0, .affinity = AffinityPolicy::strict};
  (void)pool.submit(strict);
  (void)pool.submit(strict);
  EXPECT_EQ(pool.core.counters().spawns, 1U);
  (void)pool.submit();
  EXPECT_EQ(pool.core.counters().spawns, 2U);
}

}  // namespace
}  // namespace ordeal::pool::core
