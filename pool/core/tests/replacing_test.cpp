// One worker in another's place: each rule of replacing.cpp as a sentence.
#include <gtest/gtest.h>

#include <set>

#include "pool/core/tests/core_stage.hpp"

namespace ordeal::pool::core {
namespace {

using action::AskToStop;
using action::Spawn;
using action::Withdraw;
using V = ExchangeVerdict;

CoreOptions sized(std::uint32_t size) {
  CoreOptions options;
  options.size = size;
  options.retire_stagger_percent = 0;
  return options;
}

WorkerView view(const Stage& pool, std::uint64_t serial) {
  for (const WorkerView& v : pool.core.workers()) {
    if (v.id.serial == serial) return v;
  }
  return {};
}

WorkerId worker(const Stage& pool, std::uint64_t serial) { return view(pool, serial).id; }

TEST(Replacing, AWorkerServesOnUntilAnotherIsReadyAndLeavesThen) {
  cites(3);
  cites_bug_class(8);
  Stage pool(sized(2));
  pool.open();
  pool.feed(event::ReplaceOrdered{worker(pool, 1)});
  ASSERT_EQ(pool.said<Spawn>().size(), 1U);
  EXPECT_FALSE(pool.said<Spawn>()[0].overflow);
  EXPECT_TRUE(pool.said<Withdraw>().empty());
  const TicketId a = pool.submit();
  const TicketId b = pool.submit();
  EXPECT_TRUE(pool.granted(a) && pool.granted(b)) << "both still serve";
  pool.ended(a).ended(b).all_ready();
  ASSERT_EQ(pool.said<AskToStop>().size(), 1U);
  EXPECT_EQ(pool.said<AskToStop>()[0].worker.serial, 1U);
  EXPECT_EQ(pool.said<AskToStop>()[0].reason, TransitionReason::drained);
  EXPECT_EQ(pool.core.counters().workers_recycled, 1U);
  EXPECT_EQ(pool.core.counters().workers_lost, 0U);
}

TEST(Replacing, NobodyLeavesInTheMiddleOfARequest) {
  Stage pool(sized(1));
  pool.open();
  const TicketId a = pool.submit();
  pool.feed(event::ReplaceOrdered{worker(pool, 1)}).all_ready();
  ASSERT_EQ(pool.said<Withdraw>().size(), 1U);
  EXPECT_TRUE(pool.said<AskToStop>().empty());
  const TicketId b = pool.submit();
  EXPECT_EQ(pool.worker_of(b).serial, 2U) << "it gets no more requests";
  pool.advance(10min);
  EXPECT_TRUE(pool.said<AskToStop>().empty());
  pool.ended(a);
  EXPECT_EQ(pool.outcome(a), ErrorCode::none);
  EXPECT_EQ(pool.said<AskToStop>().size(), 1U);
}

TEST(Replacing, NeverAreMoreReplacedAtOnceThanTheCapAllows) {
  cites_bug_class(8);
  for (const std::uint32_t cap : {1U, 2U}) {
    CoreOptions options = sized(4);
    options.replace_parallel_max = cap;
    options.retire_requests = 1;
    Stage pool(options);
    pool.open();
    std::vector<TicketId> tickets;
    for (int i = 0; i < 4; ++i) tickets.push_back(pool.submit());
    for (const TicketId ticket : tickets) pool.ended(ticket);  // all want to go
    EXPECT_EQ(pool.core.counters().spawns, 4 + cap);
    for (int round = 0; round < 4; ++round) {
      pool.all_ready();
      for (const WorkerView& v : pool.core.workers()) {
        if (v.state == WorkerState::terminating) pool.exited(v.id);
      }
      std::uint32_t ready = 0;
      for (const WorkerView& v : pool.core.workers()) ready += v.state == WorkerState::ready;
      EXPECT_GE(ready, 4U);
    }
    EXPECT_EQ(pool.core.counters().workers_recycled, 4U);
  }
}

TEST(Replacing, IfNoOtherComesUpItServesOn) {
  Stage pool(sized(1));
  pool.open();
  pool.feed(event::ReplaceOrdered{worker(pool, 1)});
  for (int i = 0; i < 3; ++i) {
    ASSERT_FALSE(pool.starting.empty());
    pool.exited(pool.starting.begin()->second);
    pool.advance(2s);
  }
  const TicketId a = pool.submit();
  EXPECT_EQ(pool.worker_of(a).serial, 1U);
}

TEST(Replacing, OneThatDiesOnTheWayIsReplacedOnce) {
  Stage pool(sized(2));
  pool.open();
  pool.feed(event::ReplaceOrdered{worker(pool, 1)});
  pool.exited(worker(pool, 1));
  pool.all_ready().advance(1min);
  EXPECT_EQ(pool.core.counters().spawns, 3U);
  EXPECT_EQ(pool.core.counters().workers_recycled, 0U);
}

TEST(Replacing, AWorkerIsRetiredAfterSoManyRequestsOrALittleEarlier) {
  CoreOptions options = sized(1);
  options.retire_requests = 100;
  Stage exact(options);
  exact.open();
  for (int i = 0; i < 99; ++i) exact.ended(exact.submit());
  EXPECT_EQ(exact.core.counters().spawns, 1U);
  exact.ended(exact.submit());
  EXPECT_EQ(exact.core.counters().spawns, 2U);
  EXPECT_EQ(view(exact, 1).leaves_for, TransitionReason::requests_max);

  options.retire_stagger_percent = 50;
  std::set<std::uint64_t> drawn;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Stage pool(options, seed);
    pool.open();
    std::uint64_t served = 0;
    for (; pool.core.counters().spawns == 1; ++served) pool.ended(pool.submit());
    EXPECT_GE(served, 50U);
    EXPECT_LE(served, 100U);
    drawn.insert(served);
  }
  EXPECT_GT(drawn.size(), 10U) << "staggered";
}

TEST(Replacing, AWorkerIsRetiredAtItsAgeEvenIfNobodyAsksForAnything) {
  CoreOptions options = sized(1);
  options.retire_age = 1h;
  Stage pool(options);
  pool.open();
  pool.advance(59min);
  EXPECT_EQ(pool.core.counters().spawns, 1U);
  pool.advance(1min);
  EXPECT_EQ(pool.core.counters().spawns, 2U);
  EXPECT_EQ(view(pool, 1).leaves_for, TransitionReason::age_max);
}

TEST(Replacing, AWorkerThatHasTooMuchMemoryIsRetired) {
  CoreOptions options = sized(1);
  options.retire_memory.max_kib = 1000;
  Stage pool(options);
  pool.open();
  pool.feed(event::WorkerMeasured{worker(pool, 1), 1000});
  EXPECT_EQ(pool.core.counters().spawns, 1U);
  pool.feed(event::WorkerMeasured{worker(pool, 1), 1001});
  EXPECT_EQ(pool.core.counters().spawns, 2U);
  EXPECT_EQ(view(pool, 1).leaves_for, TransitionReason::memory_growth);
}

TEST(Replacing, ALimitOnMemoryNeverInterruptsARequest) {
  cites_bug_class(19);
  CoreOptions options = sized(2);
  options.retire_memory.max_kib = 1000;
  Stage pool(options);
  pool.open();
  const TicketId in_hand = pool.submit();
  const WorkerId grown = pool.worker_of(in_hand);
  pool.feed(event::WorkerMeasured{grown, 1'000'000});
  pool.all_ready();  // somebody has taken its place
  EXPECT_EQ(view(pool, grown.serial).leaves_for, TransitionReason::memory_growth);
  EXPECT_TRUE(pool.said<AskToStop>().empty() && pool.said<action::Kill>().empty());
  pool.advance(10min);
  EXPECT_TRUE(pool.said<AskToStop>().empty() && pool.said<action::Kill>().empty());
  EXPECT_EQ(pool.outcome(in_hand), std::nullopt);
  pool.ended(in_hand);
  EXPECT_EQ(pool.outcome(in_hand), ErrorCode::none);
  EXPECT_EQ(pool.said<AskToStop>().size(), 1U);
}

TEST(Resizing, GrowsAtOnceAndShrinksByTheIdleFirstAndTheBusyWhenTheyAreDone) {
  cites(1, 3);
  Stage pool(sized(2));
  pool.open();
  pool.feed(event::ResizeOrdered{4});
  EXPECT_EQ(pool.said<Spawn>().size(), 2U);
  pool.all_ready();
  const TicketId a = pool.submit();
  const TicketId b = pool.submit();
  const TicketId c = pool.submit();
  pool.feed(event::ResizeOrdered{1});
  EXPECT_EQ(pool.said<Withdraw>().size(), 3U);
  ASSERT_EQ(pool.said<AskToStop>().size(), 1U) << "one was idle";
  EXPECT_EQ(pool.said<AskToStop>()[0].reason, TransitionReason::surplus);
  pool.ended(a);
  pool.ended(b);
  pool.ended(c);
  for (const TicketId ticket : {a, b, c}) EXPECT_EQ(pool.outcome(ticket), ErrorCode::none);
  std::uint32_t staying = 0;
  for (const WorkerView& v : pool.core.workers()) staying += v.state == WorkerState::ready;
  EXPECT_EQ(staying, 1U);
  EXPECT_EQ(pool.core.counters().workers_recycled, 0U);
  EXPECT_EQ(pool.core.counters().spawns, 4U);
}

TEST(Resizing, GivesUpStartsThatAreNotWantedAnyMore) {
  Stage pool(sized(1));
  pool.open();
  pool.feed(event::ResizeOrdered{4});
  pool.feed(event::ResizeOrdered{2});
  ASSERT_EQ(pool.said<action::Kill>().size(), 2U);
  EXPECT_EQ(pool.said<action::Kill>()[0].reason, KillReason::unwanted);
  EXPECT_EQ(pool.core.counters().start_failures, 0U);
}

TEST(Admission, WhilePausedEverybodyWaitsAndIsServedInOrderAfterwards) {
  cites(5);
  Stage pool(sized(2));
  pool.open();
  const TicketId running = pool.submit();
  pool.feed(event::AdmissionOrdered{Admission::paused});
  const TicketId a = pool.submit();
  const TicketId b = pool.submit();
  EXPECT_FALSE(pool.granted(a) || pool.granted(b));
  pool.ended(running);
  EXPECT_EQ(pool.outcome(running), ErrorCode::none);
  EXPECT_FALSE(pool.granted(a));
  const TicketId late = pool.submit(pool.now + 1s);
  pool.advance(1s);
  EXPECT_EQ(pool.outcome(late), ErrorCode::queue_timeout) << "a deadline is a deadline";
  pool.feed(event::AdmissionOrdered{Admission::open});
  ASSERT_EQ(pool.said<action::Grant>().size(), 2U);
  EXPECT_EQ(pool.said<action::Grant>()[0].ticket, a);
}

TEST(Admission, AWaiterOfABoundSessionIsServedAfterAPauseToo) {
  Stage pool(sized(1));
  pool.open();
  const event::Submitted bound{.session = 0, .affinity = AffinityPolicy::strict};
  const TicketId first = pool.submit(bound);
  const TicketId second = pool.submit(bound);  // in its worker's lane
  pool.feed(event::AdmissionOrdered{Admission::paused});
  pool.ended(first);
  EXPECT_FALSE(pool.granted(second));
  pool.feed(event::AdmissionOrdered{Admission::open});
  EXPECT_TRUE(pool.granted(second));
}

TEST(Admission, WhileDrainingWhoIsInIsServedAndNobodyElse) {
  Stage pool(sized(1));
  pool.open();
  const TicketId a = pool.submit();
  const TicketId b = pool.submit();
  pool.feed(event::AdmissionOrdered{Admission::draining});
  EXPECT_EQ(pool.outcome(pool.submit()), ErrorCode::pool_draining);
  pool.ended(a).ended(b);
  EXPECT_EQ(pool.outcome(b), ErrorCode::none);
  EXPECT_EQ(pool.outcome(pool.submit()), ErrorCode::pool_draining);
  pool.feed(event::AdmissionOrdered{Admission::open});
  EXPECT_TRUE(pool.granted(pool.submit()));
}

}  // namespace
}  // namespace ordeal::pool::core
