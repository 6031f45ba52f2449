// Busy told from stuck, late starts from dead ones, and stacks before a kill: each rule of
// watching.cpp as a sentence.
#include <gtest/gtest.h>

#include "pool/core/tests/core_stage.hpp"

namespace ordeal::pool::core {
namespace {

using action::DumpStacks;
using action::Kill;

CoreOptions watched() {
  CoreOptions options;
  options.size = 1;
  options.health_interval = 8s;
  options.health_timeout = 1s;
  return options;
}

// A worker with a request in hand, of which each look shows the same sign.
struct Watching : testing::Test {
  explicit Watching(const CoreOptions& options = watched(), bool beats = true) : stage(options) {
    stage.core.set_emit(true);
    stage.feed(event::Opened{});
    worker = stage.starting.begin()->second;
    stage.starting.clear();
    stage.feed(event::WorkerReady{worker, 1, beats});
    stage.looks_by_hand = true;
    ticket = stage.submit();
  }
  // Time passes, in steps, and each look is answered by this sign. True: it was told to be stuck
  // within so long.
  bool is_found(Sign sign, Duration within) {
    const Instant until = stage.now + within;
    while (stage.now < until) {
      if (found_in(stage.advance(100ms))) return true;
      for (const WorkerId looked_at : std::exchange(stage.looked_at, {})) {
        if (runs) ++sign.trace;
        stage.feed(
            event::WorkerLooked{looked_at, sign.activity, sign.trace, sign.reports, sign.beats});
        ++looks;
        if (found_in(stage)) return true;
      }
    }
    return false;
  }
  bool found_in(const Stage& s) {
    for (const auto& emit : s.said<action::Emit>()) {
      if (emit.what != Occurrence::worker_stuck) continue;
      how = emit.stuck;
      return true;
    }
    return false;
  }
  Stage stage;
  WorkerId worker;
  TicketId ticket;
  Stuck how{};
  bool runs = false;  // between the looks
  int looks = 0;
};

TEST_F(Watching, ALongCallIsNeverKilledWhateverItWaitsForOrComputes) {
  cites_bug_class(10);
  for (const Activity activity : {Activity::waits, Activity::computes, Activity::unknown}) {
    runs = activity == Activity::computes;
    EXPECT_FALSE(is_found({.activity = activity, .beats = 3}, 10 * 60s));
  }
  EXPECT_GT(looks, 100);
  EXPECT_EQ(stage.state(worker), WorkerState::busy);
  stage.ended(ticket);
  EXPECT_EQ(stage.outcome(ticket), ErrorCode::none);
}

TEST_F(Watching, ALockCycleIsFoundWithinTwoIntervalsAndKilled) {
  cites_bug_class(10);
  EXPECT_TRUE(is_found({.activity = Activity::locked, .beats = 3}, 16s));
  EXPECT_EQ(how, Stuck::locked);
  ASSERT_EQ(stage.said<Kill>().size(), 1U);
  EXPECT_EQ(stage.said<Kill>()[0].reason, KillReason::stuck);
  EXPECT_EQ(stage.starting.size(), 1U) << "another takes its place at once";
  stage.exited(worker);
  stage.ended(ticket, ExchangeVerdict::lost);
  EXPECT_EQ(stage.outcome(ticket), ErrorCode::worker_died);
  EXPECT_EQ(stage.core.counters().workers_stuck, 1U);
}

TEST_F(Watching, AStoppedProcessIsFoundWithinTwoIntervalsAndKilled) {
  cites_bug_class(10);
  EXPECT_TRUE(is_found({.activity = Activity::stopped}, 16s));
  EXPECT_EQ(how, Stuck::stopped);
  EXPECT_EQ(stage.said<Kill>().size(), 1U);
}

TEST_F(Watching, WhoKeepsTheGilIsFoundWithinTwoIntervalsAndLeftToItsDeadline) {
  cites_bug_class(10);
  runs = true;
  EXPECT_TRUE(is_found({.activity = Activity::computes}, 16s));
  EXPECT_EQ(how, Stuck::silent);
  EXPECT_TRUE(stage.said<Kill>().empty()) << "a long computation in C looks the same";
  EXPECT_EQ(stage.core.workers().front().stuck, Stuck::silent);
  EXPECT_FALSE(is_found({.activity = Activity::computes}, 60s)) << "told once";
  stage.ended(ticket);
  EXPECT_TRUE(stage.told(Occurrence::worker_goes_on));
  EXPECT_EQ(stage.core.workers().front().stuck, Stuck::no);
}

TEST_F(Watching, AReportOfProgressClearsEverything) {
  cites_bug_class(10);
  for (const Activity activity : {Activity::locked, Activity::stopped, Activity::computes}) {
    EXPECT_FALSE(is_found({.activity = activity, .reports = 1}, 60s));
  }
}

TEST_F(Watching, LooksAtTwoRequestsSayNothing) {
  cites_bug_class(10);
  for (int i = 0; i < 5; ++i) {
    EXPECT_FALSE(is_found({.activity = Activity::locked}, 8s));
    stage.ended(ticket);
    ticket = stage.submit();
  }
}

TEST_F(Watching, WhoIsFoundSilentAndBeatsAgainGoesOn) {
  runs = true;
  ASSERT_TRUE(is_found({.activity = Activity::computes}, 16s));
  bool goes_on = false;
  for (int i = 0; i < 90 && !goes_on; ++i) {
    stage.advance(100ms);
    for (const WorkerId looked_at : std::exchange(stage.looked_at, {})) {
      stage.feed(event::WorkerLooked{looked_at, Activity::computes, 1000, 0, 3});
      goes_on = goes_on || stage.told(Occurrence::worker_goes_on);
    }
  }
  EXPECT_TRUE(goes_on);
  EXPECT_EQ(stage.state(worker), WorkerState::busy);
}

struct WatchingPlain : Watching {
  WatchingPlain() : Watching(watched(), false) {}
};

TEST_F(WatchingPlain, APlainWorkerIsNotExpectedToBeat) {
  cites_bug_class(10);
  runs = true;
  EXPECT_FALSE(is_found({.activity = Activity::computes}, 10 * 60s));
  runs = false;
  EXPECT_FALSE(is_found({.activity = Activity::waits}, 10 * 60s));
}

TEST_F(WatchingPlain, APlainWorkerInALockCycleIsFoundToo) {
  cites_bug_class(10);
  EXPECT_TRUE(is_found({.activity = Activity::locked}, 16s));
}

struct WatchingNever : Watching {
  WatchingNever() : Watching(options()) {}
  static CoreOptions options() {
    CoreOptions o = watched();
    o.stuck_kill = StuckKill::never;
    return o;
  }
};

TEST_F(WatchingNever, WithoutTheRightToKillItIsToldOnly) {
  EXPECT_TRUE(is_found({.activity = Activity::locked}, 16s));
  EXPECT_EQ(stage.state(worker), WorkerState::busy);
}

struct WatchingSilent : Watching {
  WatchingSilent() : Watching(options()) {}
  static CoreOptions options() {
    CoreOptions o = watched();
    o.stuck_kill = StuckKill::silent;
    o.stack_grace = 250ms;
    return o;
  }
};

TEST_F(WatchingSilent, BeforeTheKillItsStacksAreAskedForAndWaitedForBriefly) {
  cites_bug_class(10);
  runs = true;
  ASSERT_TRUE(is_found({.activity = Activity::computes}, 16s));
  ASSERT_EQ(stage.said<DumpStacks>().size(), 1U);
  EXPECT_TRUE(stage.said<Kill>().empty());
  EXPECT_EQ(stage.starting.size(), 1U) << "its successor does not wait for that";
  stage.advance(250ms - 1ns);
  EXPECT_TRUE(stage.said<Kill>().empty());
  stage.advance(1ns);
  ASSERT_EQ(stage.said<Kill>().size(), 1U);
  EXPECT_EQ(stage.said<Kill>()[0].reason, KillReason::stuck);
}

TEST_F(WatchingSilent, TheKillFollowsTheStacksAtOnce) {
  runs = true;
  ASSERT_TRUE(is_found({.activity = Activity::computes}, 16s));
  stage.feed(event::StacksDumped{worker});
  EXPECT_EQ(stage.said<Kill>().size(), 1U);
  stage.feed(event::StacksDumped{worker});
  EXPECT_TRUE(stage.said<Kill>().empty());
}

TEST_F(WatchingSilent, AStopDoesNotWaitForStacks) {
  cites(10);
  runs = true;
  ASSERT_TRUE(is_found({.activity = Activity::computes}, 16s));
  stage.stop(0s);
  int kills = 0;
  for (const Kill& kill : stage.said<Kill>()) kills += kill.worker == worker ? 1 : 0;
  EXPECT_EQ(kills, 1);
}

TEST(LateStarts, AStartWhoseTimeIsOverIsLookedAtBeforeItIsGivenUp) {
  cites(8);
  CoreOptions options;
  options.size = 2;
  Stage pool(options);
  pool.looks_by_hand = true;
  pool.feed(event::Opened{});
  const auto starting = pool.starting;
  pool.advance(options.start_timeout);
  EXPECT_TRUE(pool.said<Kill>().empty());
  ASSERT_EQ(pool.looked_at.size(), 2U);
  const WorkerId first = starting.begin()->second;
  const WorkerId second = starting.rbegin()->second;
  pool.ready(first);  // its news was there, unread
  pool.feed(event::WorkerLooked{first});
  EXPECT_EQ(pool.state(first), WorkerState::ready);
  pool.feed(event::WorkerLooked{second});
  EXPECT_EQ(pool.said<Kill>()[0].reason, KillReason::start_timeout);
}

TEST(LateStarts, AStartThatReportsProgressGetsMoreTimeAndNotForEver) {
  cites_bug_class(10);
  CoreOptions options;
  options.size = 1;
  options.start_extensions_max = 2;
  Stage pool(options);
  pool.core.set_emit(true);
  pool.looks_by_hand = true;
  pool.feed(event::Opened{});
  const WorkerId worker = pool.starting.begin()->second;
  for (int i = 0; i < 2; ++i) {
    pool.advance(options.start_timeout);
    pool.feed(event::WorkerLooked{.worker = worker, .reports = 1});
    EXPECT_TRUE(pool.told(Occurrence::start_extended));
    EXPECT_EQ(pool.state(worker), WorkerState::initializing);
  }
  pool.advance(options.start_timeout);
  pool.feed(event::WorkerLooked{.worker = worker, .reports = 1});
  EXPECT_EQ(pool.said<Kill>().size(), 1U);
}

TEST(LateStarts, AStartThatReportsNothingGetsNoMoreTime) {
  CoreOptions options;
  options.size = 1;
  options.start_extensions_max = 2;
  Stage pool(options);
  pool.feed(event::Opened{});
  pool.advance(options.start_timeout);
  EXPECT_EQ(pool.said<Kill>().size(), 1U);
}

}  // namespace
}  // namespace ordeal::pool::core
