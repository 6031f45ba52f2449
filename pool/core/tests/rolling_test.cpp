// A roll: each rule of rolling.cpp as a sentence.
#include <gtest/gtest.h>

#include "pool/core/tests/core_stage.hpp"

namespace ordeal::pool::core {
namespace {

using action::SettleGeneration;
using action::Spawn;

struct Rolling : testing::Test {
  explicit Rolling(std::uint32_t size = 2) : pool(sized(size)) {
    pool.core.set_emit(true);
    pool.open();
  }
  static CoreOptions sized(std::uint32_t size) {
    CoreOptions options;
    options.size = size;
    return options;
  }
  // Everything that starts gets ready, and whoever is asked to leave does.
  void go_on() {
    for (int i = 0; i < 20; ++i) {
      pool.all_ready();
      for (const WorkerView& v : pool.core.workers()) {
        if (v.state == WorkerState::terminating) pool.exited(v.id);
      }
    }
  }
  std::map<std::uint64_t, int> generations() const {
    std::map<std::uint64_t, int> count;
    for (const WorkerView& v : pool.core.workers()) ++count[v.generation];
    return count;
  }
  Stage pool;
};

TEST_F(Rolling, OneIsTriedThenAllAreReplacedOneAfterTheOther) {
  pool.feed(event::RollOrdered{2});
  ASSERT_EQ(pool.said<Spawn>().size(), 1U);
  EXPECT_EQ(pool.said<Spawn>()[0].generation, 2U);
  pool.ready(pool.starting.begin()->second);
  EXPECT_TRUE(pool.told(Occurrence::roll_settled));
  EXPECT_EQ(pool.core.operations().rolling_to, 2U);
  go_on();
  EXPECT_EQ(generations(), (std::map<std::uint64_t, int>{{2, 2}}));
  EXPECT_EQ(pool.core.operations().rolling_to, 0U);
  EXPECT_EQ(pool.core.operations().generation, 2U);
  EXPECT_EQ(pool.core.counters().spawns, 4U);
  EXPECT_EQ(pool.core.counters().workers_lost, 0U);
}

TEST_F(Rolling, ATrialThatDoesNotComeUpChangesNothing) {
  pool.feed(event::RollOrdered{2});
  pool.exited(pool.starting.begin()->second);
  EXPECT_TRUE(pool.told(Occurrence::roll_failed));
  EXPECT_FALSE(pool.told(Occurrence::start_backing_off)) << "no sign of how the old program fares";
  EXPECT_EQ(pool.core.operations().rolling_to, 0U);
  EXPECT_EQ(pool.core.operations().failed_generation, 2U);
  go_on();
  EXPECT_EQ(generations(), (std::map<std::uint64_t, int>{{1, 2}}));
  EXPECT_EQ(pool.core.counters().spawns, 3U);
}

TEST_F(Rolling, ATrialThatHangsIsKilledAndChangesNothing) {
  pool.feed(event::RollOrdered{2});
  pool.advance(pool.core.poll_timeout().value() - pool.now);
  ASSERT_EQ(pool.said<action::Kill>().size(), 1U);
  EXPECT_EQ(pool.core.operations().failure, ErrorCode::start_timeout);
  EXPECT_EQ(generations()[1], 2);
}

TEST_F(Rolling, ALaterWorkerThatDoesNotComeUpTakesAllOfItBack) {
  pool.feed(event::RollOrdered{2});
  pool.ready(pool.starting.begin()->second);  // settled; the second is on its way
  for (const WorkerView& v : pool.core.workers()) {
    if (v.state == WorkerState::terminating) pool.exited(v.id);
  }
  ASSERT_FALSE(pool.starting.empty());
  pool.exited(pool.starting.begin()->second);
  ASSERT_EQ(pool.said<SettleGeneration>().size(), 1U);
  EXPECT_EQ(pool.said<SettleGeneration>()[0].generation, 1U);
  go_on();
  EXPECT_EQ(generations(), (std::map<std::uint64_t, int>{{1, 2}}));
  EXPECT_EQ(pool.core.operations().generation, 1U);
}

TEST_F(Rolling, OneThatDiesBeforeItHasServedAnybodyFailsItToo) {
  pool.feed(event::RollOrdered{2});
  const WorkerId canary = pool.starting.begin()->second;
  pool.ready(canary);
  pool.exited(canary);
  EXPECT_EQ(pool.core.operations().failed_generation, 2U);
  go_on();
  EXPECT_EQ(generations(), (std::map<std::uint64_t, int>{{1, 2}}));
}

TEST_F(Rolling, AKillFromOutsideFailsNoRoll) {
  pool.feed(event::RollOrdered{2});
  const WorkerId canary = pool.starting.begin()->second;
  pool.ready(canary);
  pool.feed(event::WorkerExited{canary, true, true});
  go_on();
  EXPECT_EQ(generations(), (std::map<std::uint64_t, int>{{2, 2}}));
}

TEST_F(Rolling, WhoDiesDuringTheTrialIsReplacedByTheOldProgram) {
  pool.feed(event::RollOrdered{2});
  const TicketId busy = pool.submit();
  pool.exited(pool.worker_of(busy));
  ASSERT_EQ(pool.said<Spawn>().size(), 1U);
  EXPECT_EQ(pool.said<Spawn>()[0].generation, 1U);
  pool.ended(busy, ExchangeVerdict::lost);
  go_on();
  EXPECT_EQ(generations(), (std::map<std::uint64_t, int>{{2, 2}}));
}

TEST_F(Rolling, ItCuresAPoolWhoseProgramDoesNotStart) {
  cites(8);
  CoreOptions options = sized(1);
  options.start_failures_max = 2;
  Stage broken(options);
  broken.feed(event::Opened{});
  broken.exited(broken.starting.begin()->second).advance(2s);
  broken.exited(broken.starting.begin()->second);
  ASSERT_TRUE(broken.core.start_circuit_open());
  broken.feed(event::RollOrdered{2});
  ASSERT_EQ(broken.said<Spawn>().size(), 1U) << "at once, whatever the back-off was";
  broken.all_ready();
  EXPECT_FALSE(broken.core.start_circuit_open());
  EXPECT_EQ(broken.core.operations().generation, 2U);
}

TEST_F(Rolling, WhoWasToGoAnywayGoesAlthoughTheRollIsTakenBack) {
  pool.feed(event::RollOrdered{2});
  pool.ready(pool.starting.begin()->second);
  const WorkerId second = pool.starting.begin()->second;
  for (const WorkerView& v : pool.core.workers()) {
    if (v.generation == 1 && v.marked) pool.feed(event::ReplaceOrdered{v.id});
  }
  pool.exited(second);
  go_on();
  EXPECT_EQ(generations(), (std::map<std::uint64_t, int>{{1, 2}}));
  EXPECT_EQ(pool.core.counters().workers_recycled, 3U) << "two of the old, one of the new";
}

TEST_F(Rolling, ASecondOneWaitsForNobodyAndChangesNothing) {
  pool.feed(event::RollOrdered{2});
  pool.feed(event::RollOrdered{3});
  EXPECT_EQ(pool.core.operations().rolling_to, 2U);
  go_on();
  EXPECT_EQ(pool.core.operations().generation, 2U);
}

TEST_F(Rolling, AStopEndsIt) {
  cites(10);
  pool.feed(event::RollOrdered{2});
  pool.stop(0s);
  for (const WorkerView& v : pool.core.workers()) pool.exited(v.id);
  EXPECT_EQ(pool.stopped, 1);
  EXPECT_EQ(pool.core.operations().rolling_to, 0U);
}

}  // namespace
}  // namespace ordeal::pool::core
