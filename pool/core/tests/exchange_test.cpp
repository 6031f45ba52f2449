// How exchanges end, and what that does to ticket, slot and worker (core/exchange.cpp).
#include "pool/core/tests/core_stage.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool::core {
namespace {

using V = ExchangeVerdict;
using P = WireProgress;
using C = ErrorCode;

// One worker, one slot, and a request in its hands.
class Exchange : public ::testing::Test {
 protected:
  Exchange() : pool(options()) {
    pool.core.set_emit(true);
    pool.open();
    a = pool.submit(pool.now + 10s);
    worker = pool.worker_of(a);
  }
  static CoreOptions options() {
    CoreOptions o;
    o.size = 1;
    return o;
  }
  [[nodiscard]] bool killed(KillReason reason) const {
    const auto kills = pool.said<action::Kill>();
    return kills.size() == 1 && kills[0].worker == worker && kills[0].signal == KillSignal::kill &&
           kills[0].reason == reason;
  }

  Stage pool;
  TicketId a;
  WorkerId worker;
};

TEST_F(Exchange, AnApplicationErrorLeavesTheWorkerAsItWas) {
  cites(17);
  pool.ended(a, V::application_error);
  EXPECT_EQ(pool.outcome(a), C::application_error);
  EXPECT_EQ(pool.state(worker), WorkerState::ready);
  EXPECT_EQ(pool.core.counters().failed, 1U);
}

TEST_F(Exchange, AReplyFollowedByStrayBytesCountsAndTheWorkerGoes) {
  cites(14);
  pool.ended(a, V::replied, P::written, C::stray_output);
  EXPECT_EQ(pool.outcome(a), C::none);
  EXPECT_EQ(pool.state(worker), WorkerState::terminating);
  EXPECT_TRUE(killed(KillReason::fault));
  EXPECT_TRUE(pool.told(Occurrence::worker_faulted));
}

TEST_F(Exchange, AViolationFailsThisRequestAndRetiresThisWorker) {
  cites(14);
  pool.ended(a, V::violated, P::written, C::reply_id_mismatch);
  EXPECT_EQ(pool.outcome(a), C::reply_id_mismatch);
  EXPECT_TRUE(killed(KillReason::fault));
  EXPECT_EQ(pool.said<action::Spawn>().size(), 1U) << "replaced at once";
  EXPECT_EQ(pool.core.counters().workers_lost, 1U);
}

TEST_F(Exchange, AViolationBeforeAByteWasWrittenPutsTheRequestBackInFront) {
  cites(5);
  const TicketId b = pool.submit();
  pool.ended(a, V::violated, P::untouched, C::stray_output);
  EXPECT_EQ(pool.outcome(a), std::nullopt);
  EXPECT_TRUE(pool.told(Occurrence::request_requeued));
  EXPECT_EQ(pool.core.counters().requeued, 1U);
  pool.all_ready();
  EXPECT_FALSE(pool.granted(b));
  EXPECT_NE(pool.worker_of(a).serial, worker.serial);
  EXPECT_EQ(pool.grants.at(a.serial).attempt, 1U) << "not a new attempt";
  pool.ended(a);
  EXPECT_EQ(pool.outcomes.at(a.serial).attempts, 1U);
}

TEST_F(Exchange, APutBackRequestKeepsItsDeadline) {
  pool.ended(a, V::lost, P::untouched);
  pool.advance(10s);
  EXPECT_EQ(pool.outcome(a), C::queue_timeout);
  EXPECT_EQ(pool.outcomes.at(a.serial).attempts, 0U);
}

TEST_F(Exchange, APutBackRequestThatIsTooLateTimesOut) {
  pool.now += 10s;
  pool.ended(a, V::lost, P::untouched);
  EXPECT_EQ(pool.outcome(a), C::queue_timeout);
}

TEST_F(Exchange, APutBackRequestThatWasCancelledIsCancelled) {
  cites(9);
  pool.cancel(a);
  pool.ended(a, V::violated, P::untouched, C::stray_output);
  EXPECT_EQ(pool.outcome(a), C::cancelled);
}

TEST_F(Exchange, ALeaseIsNotPutBack) {
  pool.ended(a);
  const TicketId lease = pool.submit(never, true);
  pool.ended(lease, V::violated, P::untouched, C::stray_output);
  EXPECT_EQ(pool.outcome(lease), C::stray_output);
}

TEST_F(Exchange, ALeaseGivenBackUnusedHasServedNothing) {
  pool.ended(a);
  const TicketId lease = pool.submit(never, true);
  pool.ended(lease, V::replied, P::untouched);
  EXPECT_EQ(pool.outcome(lease), C::none);
  EXPECT_EQ(pool.core.workers()[0].served, 1U);
}

TEST_F(Exchange, AStreamThatEndedInsideAFrameIsToldApart) {
  cites(14);
  pool.ended(a, V::lost, P::written, C::truncated_reply);
  EXPECT_EQ(pool.outcome(a), std::nullopt);
  pool.exited(worker);
  EXPECT_EQ(pool.outcome(a), C::truncated_reply);
}

TEST_F(Exchange, ALostStreamWaitsForTheExitSoThatTheCertificateIsComplete) {
  cites(4);
  pool.ended(a, V::lost);
  EXPECT_EQ(pool.outcome(a), std::nullopt);
  EXPECT_EQ(pool.core.counters().running, 1U);
  EXPECT_TRUE(pool.said<action::Kill>().empty());
  EXPECT_EQ(pool.said<action::Spawn>().size(), 1U) << "the replacement does not wait";
  pool.exited(worker);
  EXPECT_EQ(pool.outcome(a), C::worker_died);
  EXPECT_EQ(pool.said<action::Resolve>().size(), 1U);
  EXPECT_TRUE(std::holds_alternative<action::Forget>(pool.last.back()))
      << "the certificate lives until the outcome has been told";
}

TEST_F(Exchange, AWorkerThatClosedItsStreamAndLivesOnIsKilled) {
  pool.ended(a, V::lost);
  pool.advance(options().certificate_wait / 2);
  EXPECT_TRUE(killed(KillReason::fault));
  EXPECT_EQ(pool.outcome(a), std::nullopt);
  pool.exited(worker);
  EXPECT_EQ(pool.outcome(a), C::worker_closed_stream);
}

TEST_F(Exchange, TheWaitForACertificateIsBounded) {
  cites(53);
  pool.ended(a, V::lost);
  pool.advance(options().certificate_wait);
  EXPECT_EQ(pool.outcome(a), C::worker_closed_stream);
  pool.exited(worker);
  EXPECT_EQ(pool.said<action::Forget>().size(), 1U);
}

TEST_F(Exchange, TheWaitForACertificateEndsWithTheDeadline) {
  cites(53);
  pool.now += 10s - 1ms;
  pool.ended(a, V::lost);
  pool.advance(1ms);
  EXPECT_EQ(pool.outcome(a), C::worker_died);
  EXPECT_TRUE(pool.said<action::Kill>().empty());
  pool.advance(options().certificate_wait / 2);
  EXPECT_TRUE(killed(KillReason::fault)) << "whoever gets the answer, the process is not left";
}

TEST_F(Exchange, ALossBehindTheDeadlineDoesNotWait) {
  cites(53);
  pool.now += 10s;
  pool.ended(a, V::lost);
  EXPECT_EQ(pool.outcome(a), C::worker_died);
}

TEST_F(Exchange, AnExitInterruptsTheDriverAndTheReplyThatWasReadStillCounts) {
  pool.exited(worker);
  ASSERT_EQ(pool.said<action::Interrupt>().size(), 1U);
  EXPECT_EQ(pool.said<action::Interrupt>()[0].reason, InterruptReason::worker_gone);
  EXPECT_TRUE(pool.said<action::Forget>().empty()) << "a driver still holds it";
  pool.ended(a);
  EXPECT_EQ(pool.outcome(a), C::none);
  EXPECT_EQ(pool.said<action::Forget>().size(), 1U);
}

TEST_F(Exchange, AnExitFollowedByTheLossIsADeath) {
  pool.exited(worker);
  pool.ended(a, V::lost);
  EXPECT_EQ(pool.outcome(a), C::worker_died);
  EXPECT_TRUE(pool.said<action::Kill>().empty()) << "never signal what is gone";
}

TEST_F(Exchange, ATimeOutBeforeAByteWasWrittenDidNotHappen) {
  pool.ended(a, V::timed_out, P::untouched);
  EXPECT_EQ(pool.outcome(a), C::queue_timeout);
  EXPECT_EQ(pool.state(worker), WorkerState::ready);
}

TEST_F(Exchange, ATimeOutInTheMiddleOfAFrameCostsTheWorker) {
  pool.ended(a, V::timed_out, P::partial);
  EXPECT_EQ(pool.outcome(a), C::call_timeout);
  EXPECT_TRUE(killed(KillReason::partial_write));
}

TEST_F(Exchange, ALateReplyIsDrainedBeforeTheWorkerIsUsedAgain) {
  cites(12);
  const TicketId b = pool.submit();
  pool.ended(a, V::timed_out);
  EXPECT_EQ(pool.outcome(a), C::call_timeout);
  EXPECT_EQ(pool.state(worker), WorkerState::degraded);
  EXPECT_EQ(pool.said<action::Drain>().size(), 1U);
  EXPECT_FALSE(pool.granted(b));
  EXPECT_EQ(pool.core.counters().running, 0U) << "in quarantine it is no running request";
  pool.feed(event::LateReplyDrained{worker, 0});
  EXPECT_EQ(pool.worker_of(b), worker);
  EXPECT_EQ(pool.core.counters().late_replies_drained, 1U);
}

TEST_F(Exchange, ALateReplyThatIsOverdueCostsTheWorker) {
  cites(12);
  pool.ended(a, V::timed_out);
  pool.advance(options().quarantine_grace - 1ns);
  EXPECT_EQ(pool.state(worker), WorkerState::degraded);
  pool.advance(1ns);
  EXPECT_TRUE(killed(KillReason::late_reply_overdue));
  pool.feed(event::LateReplyDrained{worker, 0});
  EXPECT_EQ(pool.state(worker), WorkerState::terminating) << "too late to be useful";
}

TEST_F(Exchange, AFaultWhileDrainingCostsTheWorker) {
  pool.ended(a, V::timed_out);
  pool.feed(event::WorkerFaulted{worker, C::malformed_frame});
  EXPECT_TRUE(killed(KillReason::fault));
}

TEST_F(Exchange, ACancelInterruptsTheDriverOnce) {
  cites(9);
  cites(9);
  pool.cancel(a);
  EXPECT_EQ(pool.said<action::Interrupt>().size(), 1U);
  pool.cancel(a);
  EXPECT_TRUE(pool.said<action::Interrupt>().empty());
  pool.ended(a, V::cancelled);
  EXPECT_EQ(pool.outcome(a), C::cancelled_in_flight);
  EXPECT_EQ(pool.state(worker), WorkerState::degraded);
  EXPECT_EQ(pool.core.counters().cancelled, 1U);
}

TEST_F(Exchange, ACancelBeforeAByteWasWrittenLeavesTheWorkerUntouched) {
  cites(9);
  pool.cancel(a);
  pool.ended(a, V::cancelled, P::untouched);
  EXPECT_EQ(pool.outcome(a), C::cancelled);
  EXPECT_EQ(pool.state(worker), WorkerState::ready);
}

TEST_F(Exchange, ATimeOutOnADeadWorkerDrainsNothing) {
  pool.exited(worker);
  pool.ended(a, V::timed_out);
  EXPECT_EQ(pool.outcome(a), C::call_timeout);
  EXPECT_TRUE(pool.said<action::Drain>().empty());
  EXPECT_EQ(pool.said<action::Forget>().size(), 1U);
}

TEST_F(Exchange, AnIndexIsFreeAsSoonAsItsTicketIsResolved) {
  pool.ended(a);
  pool.next_index = a.index;
  EXPECT_TRUE(pool.granted(pool.submit()));
}

}  // namespace
}  // namespace ordeal::pool::core
