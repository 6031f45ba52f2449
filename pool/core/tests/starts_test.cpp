// When workers are started, failing starts, the start circuit (core/starts.cpp).
#include "pool/core/tests/core_stage.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool::core {
namespace {

CoreOptions sized(std::uint32_t size) {
  CoreOptions options;
  options.size = size;
  return options;
}

std::size_t spawns(const Stage& pool) { return pool.said<action::Spawn>().size(); }

TEST(Starts, OpenedStartsAsManyAsMayStartAtOnce) {
  CoreOptions options = sized(5);
  options.starts_parallel_max = 2;
  Stage pool(options);
  pool.feed(event::Opened{});
  EXPECT_EQ(spawns(pool), 2U);
  pool.ready(pool.starting.begin()->second);
  EXPECT_EQ(spawns(pool), 1U);
  pool.all_ready();
  EXPECT_EQ(pool.core.workers().size(), 5U);
}

TEST(Starts, AWorkerThatServedAndDiesIsReplacedAtOnceUnderAnotherSerial) {
  cites(6);
  Stage pool(sized(1));
  pool.open();
  for (std::uint64_t life = 1; life < 6; ++life) {
    const TicketId a = pool.submit();
    pool.ended(a);
    const WorkerId worker = pool.worker_of(a);
    EXPECT_EQ(worker.serial, life);
    pool.exited(worker);
    EXPECT_EQ(spawns(pool), 1U);
    pool.all_ready();
  }
  EXPECT_EQ(pool.core.counters().workers_lost, 5U);
}

TEST(Starts, FailuresInARowBackOff) {
  cites(8);
  CoreOptions options = sized(1);
  options.start_failures_max = 100;
  Stage pool(options);
  pool.core.set_emit(true);
  pool.feed(event::Opened{});
  Duration ceiling = options.start_backoff_base;
  for (int i = 0; i < 12; ++i) {
    pool.exited(pool.starting.begin()->second, i % 2 == 0);
    EXPECT_EQ(spawns(pool), 0U);
    ASSERT_TRUE(pool.told(Occurrence::start_backing_off));
    const Instant next = *pool.core.poll_timeout();
    EXPECT_LE(next - pool.now, std::min(ceiling, options.start_backoff_max));
    EXPECT_GE(next - pool.now, std::min(ceiling, options.start_backoff_max) / 2);
    pool.advance(next - pool.now - 1ns);
    EXPECT_EQ(spawns(pool), 0U);
    pool.advance(1ns);
    EXPECT_EQ(spawns(pool), 1U);
    ceiling *= 2;
  }
  pool.all_ready();
  pool.exited(pool.core.workers()[0].id);
  EXPECT_EQ(spawns(pool), 1U) << "a success ends the row";
}

TEST(Starts, WithNobodyAliveTheCircuitOpensAndWaitersGetADefiniteError) {
  cites(8);
  CoreOptions options = sized(1);
  options.start_failures_max = 2;
  Stage pool(options);
  pool.core.set_emit(true);
  pool.feed(event::Opened{});
  const TicketId a = pool.submit();
  pool.exited(pool.starting.begin()->second);
  EXPECT_EQ(pool.outcome(a), std::nullopt);
  pool.advance(options.start_backoff_max);
  pool.exited(pool.starting.begin()->second);
  EXPECT_EQ(pool.outcome(a), ErrorCode::workers_unavailable);
  EXPECT_TRUE(pool.core.start_circuit_open());
  EXPECT_TRUE(pool.told(Occurrence::start_circuit_opened));
  EXPECT_EQ(pool.outcome(pool.submit()), ErrorCode::workers_unavailable);
}

TEST(Starts, AnOpenCircuitTriesOneStartAtATimeAndASuccessClosesIt) {
  cites(8);
  CoreOptions options = sized(3);
  options.start_failures_max = 3;
  Stage pool(options);
  pool.core.set_emit(true);
  pool.feed(event::Opened{});
  while (!pool.starting.empty()) pool.exited(pool.starting.begin()->second);
  ASSERT_TRUE(pool.core.start_circuit_open());
  pool.advance(options.start_backoff_max);
  EXPECT_EQ(spawns(pool), 1U);
  pool.all_ready();
  EXPECT_FALSE(pool.core.start_circuit_open());
  EXPECT_EQ(pool.core.workers().size(), 3U);
  EXPECT_TRUE(pool.granted(pool.submit()));
}

TEST(Starts, WhileSomebodyIsAliveTheCircuitStaysClosed) {
  CoreOptions options = sized(2);
  options.start_failures_max = 1;
  Stage pool(options);
  pool.feed(event::Opened{});
  const WorkerId first = pool.starting.begin()->second;
  pool.ready(first);
  pool.exited(pool.starting.begin()->second);
  EXPECT_FALSE(pool.core.start_circuit_open());
  const TicketId a = pool.submit();
  pool.ended(a);
  pool.exited(first);
  EXPECT_TRUE(pool.core.start_circuit_open()) << "it opens with the last one's death";
}

TEST(Starts, AHungStartIsKilledAndKeepsItsPlaceUntilItIsGone) {
  cites(8);
  CoreOptions options = sized(2);
  options.starts_parallel_max = 1;
  options.start_failures_max = 9;
  Stage pool(options);
  pool.feed(event::Opened{});
  const WorkerId hung = pool.starting.begin()->second;
  pool.advance(options.start_timeout - 1ns);
  EXPECT_TRUE(pool.said<action::Kill>().empty());
  pool.advance(1ns);
  ASSERT_EQ(pool.said<action::Kill>().size(), 1U);
  EXPECT_EQ(pool.said<action::Kill>()[0].signal, KillSignal::kill);
  EXPECT_EQ(pool.said<action::Kill>()[0].reason, KillReason::start_timeout);
  pool.advance(1h);
  EXPECT_EQ(spawns(pool), 0U);
  pool.exited(hung);
  EXPECT_EQ(spawns(pool), 1U);
  EXPECT_EQ(pool.core.counters().start_failures, 1U) << "counted once";
}

TEST(Starts, AHandshakeThatFailsIsAStartFailureCountedOnce) {
  Stage pool(sized(1));
  pool.core.set_emit(true);
  pool.feed(event::Opened{});
  const WorkerId worker = pool.starting.begin()->second;
  pool.feed(event::WorkerFaulted{worker, ErrorCode::handshake_failed});
  EXPECT_TRUE(pool.told(Occurrence::worker_start_failed));
  EXPECT_EQ(pool.said<action::Kill>()[0].reason, KillReason::fault);
  pool.exited(worker);
  EXPECT_EQ(pool.core.counters().start_failures, 1U);
  EXPECT_EQ(pool.core.counters().workers_lost, 0U);
}

TEST(Starts, ReadyAfterItsStartWasGivenUpIsTooLate) {
  Stage pool(sized(1));
  pool.feed(event::Opened{});
  const WorkerId worker = pool.starting.begin()->second;
  pool.advance(CoreOptions{}.start_timeout);
  pool.feed(event::WorkerReady{worker, 1});
  EXPECT_EQ(pool.state(worker), WorkerState::terminating);
}

TEST(Starts, AnExitAtTheInstantOfATimerIsHeardFirst) {
  Stage pool(sized(1));
  pool.feed(event::Opened{});
  pool.now += CoreOptions{}.start_timeout;
  pool.exited(pool.starting.begin()->second);
  EXPECT_TRUE(pool.said<action::Kill>().empty()) << "its number may belong to somebody else by now";
}

TEST(Starts, AWorkerThatAnOutsiderKilledIsReplacedAtOnceHoweverManyThereWere) {
  cites(3);
  Stage pool(sized(1));
  pool.open();
  for (int i = 0; i < 100; ++i) {
    const WorkerId worker = pool.core.workers().front().id;
    pool.feed(event::WorkerExited{.worker = worker, .by_outsider = true});
    ASSERT_EQ(spawns(pool), 1U);
    pool.all_ready();
  }
}

TEST(Starts, TheFirstEarlyDeathIsReplacedAtOnceTheNextOnesBackOff) {
  cites(8);
  CoreOptions options = sized(1);
  options.start_failures_max = 3;
  Stage pool(options);
  pool.open();
  pool.exited(pool.core.workers()[0].id);
  EXPECT_EQ(spawns(pool), 1U);
  pool.all_ready();
  pool.exited(pool.core.workers()[0].id);
  EXPECT_EQ(spawns(pool), 0U);
  pool.advance(options.start_backoff_base);
  ASSERT_FALSE(pool.starting.empty());
  pool.all_ready();
  pool.exited(pool.core.workers()[0].id);
  EXPECT_TRUE(pool.core.start_circuit_open());
  pool.advance(options.start_backoff_max);
  pool.all_ready();
  EXPECT_FALSE(pool.core.start_circuit_open());
  pool.ended(pool.submit());
  pool.exited(pool.core.workers()[0].id);
  EXPECT_EQ(spawns(pool), 1U) << "it served, so the row is over";
}

TEST(Starts, WorkersKilledTogetherBeforeTheyServedAreOneFailure) {
  Stage pool(sized(4));
  pool.open();
  for (const WorkerView& worker : pool.core.workers()) {
    pool.exited(worker.id);
    EXPECT_EQ(spawns(pool), 1U);
  }
  EXPECT_FALSE(pool.core.start_circuit_open());
}

TEST(Starts, ACallersTimeOutsAreNoStartFailures) {
  Stage pool(sized(1));
  pool.open();
  for (int i = 0; i < 10; ++i) {
    const TicketId a = pool.submit();
    pool.ended(a, ExchangeVerdict::timed_out, WireProgress::partial);
    EXPECT_EQ(spawns(pool), 1U);
    pool.exited(pool.worker_of(a));
    pool.all_ready();
  }
}

TEST(Starts, AWorkerThatIsKilledIsReplacedBeforeItIsGone) {
  cites(3);
  Stage pool(sized(1));
  pool.open();
  const TicketId a = pool.submit();
  pool.ended(a, ExchangeVerdict::violated, WireProgress::written, ErrorCode::malformed_frame);
  pool.all_ready();
  EXPECT_TRUE(pool.granted(pool.submit()));
  EXPECT_EQ(pool.core.workers().size(), 2U);
}

}  // namespace
}  // namespace ordeal::pool::core
