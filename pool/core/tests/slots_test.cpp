// A worker that takes four requests at once (core/exchange.cpp, core/workers.cpp).
#include "pool/core/tests/core_stage.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool::core {
namespace {

using V = ExchangeVerdict;
using P = WireProgress;
using C = ErrorCode;

// Four slots on one worker.
class Slots : public ::testing::Test {
 protected:
  Slots() : pool(options()) {
    pool.open(4);
    a = pool.submit();
    b = pool.submit();
    worker = pool.worker_of(a);
  }
  static CoreOptions options() {
    CoreOptions o;
    o.size = 1;
    o.slots_max = 4;
    return o;
  }
  Stage pool;
  TicketId a, b;
  WorkerId worker;
};

TEST_F(Slots, OneDirtySlotKeepsTheWholeWorkerFromNewWork) {
  cites(12);
  pool.ended(a, V::timed_out);
  EXPECT_EQ(pool.state(worker), WorkerState::busy) << "the other request goes on";
  const TicketId c = pool.submit();
  EXPECT_FALSE(pool.granted(c));
  pool.ended(b);
  EXPECT_EQ(pool.outcome(b), C::none);
  EXPECT_EQ(pool.state(worker), WorkerState::degraded);
  EXPECT_FALSE(pool.granted(c));
  pool.feed(event::LateReplyDrained{worker, 0});
  EXPECT_TRUE(pool.granted(c));
}

TEST_F(Slots, DrainedWhileAnotherRequestRunsItTakesWorkAtOnce) {
  cites(12);
  pool.ended(a, V::timed_out);
  const TicketId c = pool.submit();
  pool.feed(event::LateReplyDrained{worker, 0});
  EXPECT_TRUE(pool.granted(c));
}

TEST_F(Slots, AViolationInOneSlotLosesTheOthers) {
  pool.ended(a, V::violated, P::written, C::malformed_frame);
  EXPECT_EQ(pool.outcome(a), C::malformed_frame);
  EXPECT_EQ(pool.outcome(b), std::nullopt);
  pool.exited(worker);
  ASSERT_EQ(pool.said<action::Interrupt>().size(), 1U);
  pool.ended(b, V::lost);
  EXPECT_EQ(pool.outcome(b), C::worker_died);
  EXPECT_EQ(pool.said<action::Forget>().size(), 1U);
}

TEST_F(Slots, ALossSeenByBothIsOneLostWorker) {
  pool.ended(a, V::lost);
  pool.ended(b, V::lost);
  pool.exited(worker);
  EXPECT_EQ(pool.outcome(a), C::worker_died);
  EXPECT_EQ(pool.outcome(b), C::worker_died);
  EXPECT_EQ(pool.core.counters().workers_lost, 1U);
}

TEST_F(Slots, TwoPutBackStandInOrderOfSubmission) {
  cites(5);
  pool.ended(a, V::lost, P::untouched);
  pool.ended(b, V::lost, P::untouched);
  const TicketId c = pool.submit();
  pool.all_ready(1);
  EXPECT_TRUE(pool.granted(a));
  pool.ended(a);
  EXPECT_NE(pool.worker_of(b).serial, worker.serial);
  pool.ended(b);
  EXPECT_TRUE(pool.granted(c));
}

}  // namespace
}  // namespace ordeal::pool::core
