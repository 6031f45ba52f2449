// Who is pinged when, and what follows: each rule of probing.cpp as a sentence.
#include <gtest/gtest.h>

#include "pool/core/tests/core_stage.hpp"

namespace ordeal::pool::core {
namespace {

using action::Kill;
using action::Probe;

CoreOptions healthy(std::uint32_t size) {
  CoreOptions options;
  options.size = size;
  options.health_interval = 8s;
  options.health_timeout = 1s;
  options.health_failures_max = 3;
  return options;
}

struct Probing : testing::Test {
  explicit Probing(std::uint32_t size = 1) : stage(healthy(size)) {
    stage.core.set_emit(true);
    stage.open();
  }
  // Time passes until somebody is pinged.
  WorkerId await_probe() {
    for (int i = 0; i < 1000; ++i) {
      stage.advance(10ms);
      if (const auto probes = stage.said<Probe>(); !probes.empty()) return probes.front().worker;
    }
    ADD_FAILURE() << "nobody is pinged";
    return {};
  }
  Stage& answered(WorkerId worker, ErrorCode code = ErrorCode::none) {
    return stage.feed(event::ProbeEnded{worker, code});
  }
  [[nodiscard]] WorkerView view(WorkerId worker) const {
    for (const WorkerView& v : stage.core.workers()) {
      if (v.id == worker) return v;
    }
    return {};
  }
  Stage stage;
};

TEST_F(Probing, AnIdleWorkerIsPingedBetweenThreeQuartersOfTheIntervalAndAllOfIt) {
  const Instant ready = stage.now;
  await_probe();
  EXPECT_GE(stage.now - ready, 6s);
  EXPECT_LE(stage.now - ready, 8s + 10ms);
  EXPECT_TRUE(stage.told(Occurrence::health_probe_started));
}

TEST_F(Probing, WithoutAnIntervalNobodyIsPinged) {
  CoreOptions options = healthy(2);
  options.health_interval = {};
  Stage basic(options);
  basic.open().advance(1h);
  EXPECT_EQ(basic.core.counters().probes, 0U);
  EXPECT_FALSE(basic.core.poll_timeout());
}

TEST_F(Probing, AWorkerThatServesIsLeftAlone) {
  for (int i = 0; i < 20; ++i) {
    stage.advance(3s);
    stage.ended(stage.submit());
  }
  EXPECT_EQ(stage.core.counters().probes, 0U);
}

TEST_F(Probing, ABusyWorkerIsNotPingedHoweverLongItsCallLasts) {
  cites_bug_class(10);
  cites(21);
  const TicketId ticket = stage.submit();
  stage.advance(10min);
  EXPECT_EQ(stage.core.counters().probes, 0U);
  EXPECT_TRUE(stage.said<Kill>().empty());
  stage.ended(ticket);
  EXPECT_EQ(stage.outcome(ticket), ErrorCode::none);
}

TEST_F(Probing, ACallThatComesDuringThePingIsServedWhenItIsAnswered) {
  cites(21);
  const WorkerId worker = await_probe();
  const TicketId ticket = stage.submit();
  EXPECT_FALSE(stage.granted(ticket));
  answered(worker);
  EXPECT_TRUE(stage.granted(ticket));
  EXPECT_EQ(view(worker).failures, 0U);
}

TEST_F(Probing, APingUnansweredInTimeDegradesAndAnAnswerRestoresHealthToo) {
  cites(22);
  const WorkerId worker = await_probe();
  stage.advance(1s);
  EXPECT_EQ(stage.state(worker), WorkerState::degraded);
  EXPECT_EQ(view(worker).health, Health::unhealthy);
  EXPECT_TRUE(stage.told(Occurrence::worker_unhealthy));
  const TicketId ticket = stage.submit();
  EXPECT_FALSE(stage.granted(ticket)) << "(21)";
  answered(worker);  // late, but it is an answer
  EXPECT_EQ(view(worker).health, Health::healthy);
  EXPECT_TRUE(stage.told(Occurrence::worker_recovered));
  EXPECT_EQ(view(worker).failures, 0U);
  EXPECT_TRUE(stage.granted(ticket));
  EXPECT_TRUE(stage.said<Kill>().empty());
}

TEST_F(Probing, AWorkerThatAnswersNothingIsReplacedOnceAndWithinTwoIntervals) {
  cites_bug_class(10);
  cites(22);
  const Instant ready = stage.now;
  const WorkerId worker = await_probe();
  int kills = 0;
  while (stage.now - ready < 25s) {
    stage.advance(10ms);
    for (const Kill& kill : stage.said<Kill>()) {
      EXPECT_EQ(kill.worker, worker);
      EXPECT_EQ(kill.reason, KillReason::unhealthy);
      EXPECT_LE(stage.now - ready, 16s);
      ++kills;
    }
    for (const Probe& probe : stage.said<Probe>()) {
      EXPECT_TRUE(probe.again) << "one ping at a time";
    }
  }
  EXPECT_EQ(kills, 1);
  EXPECT_EQ(stage.starting.size(), 1U) << "another is on its way";
  EXPECT_EQ(stage.core.counters().probe_failures, 3U);
}

TEST_F(Probing, TwoFailuresAndAnAnswerBeginTheRowAnew) {
  cites(22);
  for (int round = 0; round < 4; ++round) {
    const WorkerId worker = await_probe();
    answered(worker, ErrorCode::application_error);
    EXPECT_EQ(await_probe(), worker) << "pinged again behind a pause";
    answered(worker, ErrorCode::application_error);
    EXPECT_EQ(view(worker).failures, 2U);
    EXPECT_EQ(await_probe(), worker);
    answered(worker);
    EXPECT_EQ(stage.state(worker), WorkerState::ready);
  }
  EXPECT_EQ(stage.core.counters().workers_lost, 0U);
}

TEST_F(Probing, AnErrorBehindItsTimeIsNotCountedTwice) {
  const WorkerId worker = await_probe();
  stage.advance(1s);
  ASSERT_EQ(view(worker).failures, 1U);
  answered(worker, ErrorCode::application_error);
  EXPECT_EQ(view(worker).failures, 1U);
}

TEST_F(Probing, AnAnswerThatNobodyAskedForChangesNothing) {
  const WorkerId worker = stage.core.workers().front().id;
  answered(worker, ErrorCode::application_error);
  EXPECT_EQ(stage.state(worker), WorkerState::ready);
  EXPECT_TRUE(stage.last.empty());
}

TEST_F(Probing, CallsThatAreNotAnsweredInTimeCountAndAnAnswerEndsTheRow) {
  cites(22);
  const auto time_out = [&] {
    const TicketId ticket = stage.submit(stage.now + 1ms);
    const WorkerId worker = stage.worker_of(ticket);
    stage.ended(ticket, ExchangeVerdict::timed_out);
    if (stage.said<Kill>().empty()) {
      EXPECT_EQ(view(worker).health, Health::unknown) << "it owes a reply";
      stage.feed(event::LateReplyDrained{worker, 0});
      EXPECT_EQ(view(worker).health, Health::healthy);
    }
    return worker;
  };
  time_out();
  time_out();
  const WorkerId worker = stage.worker_of(stage.submit());
  stage.ended(TicketId{stage.next_index - 1, stage.next_serial - 1});
  EXPECT_EQ(view(worker).failures, 0U);
  time_out();
  time_out();
  EXPECT_TRUE(stage.said<Kill>().empty());
  time_out();
  ASSERT_EQ(stage.said<Kill>().size(), 1U);
  EXPECT_EQ(stage.said<Kill>().front().reason, KillReason::unhealthy);
}

TEST_F(Probing, ACancelledCallCountsNothing) {
  const TicketId ticket = stage.submit();
  const WorkerId worker = stage.worker_of(ticket);
  stage.ended(ticket, ExchangeVerdict::cancelled);
  EXPECT_EQ(view(worker).failures, 0U);
}

TEST_F(Probing, AStopDoesNotWaitForAnAnswer) {
  cites(10);
  const WorkerId worker = await_probe();
  stage.stop(1s);
  EXPECT_EQ(stage.state(worker), WorkerState::terminating);
  answered(worker);
  stage.exited(worker);
  EXPECT_EQ(stage.stopped, 1);
  EXPECT_FALSE(stage.core.poll_timeout());
}

struct ProbingFour : Probing {
  ProbingFour() : Probing(4) {}
};

TEST_F(ProbingFour, HalfOfTheIdleWorkersArePingedAtOnceAtMostAndOthersServe) {
  cites(21);
  std::set<std::uint64_t> pinged;
  // Nobody answers: until the first is given up two are pinged.
  while (pinged.size() < 2) pinged.insert(await_probe().serial);
  stage.advance(Duration{1s} - 20ms);
  EXPECT_EQ(stage.core.counters().probes, 2U);
  const TicketId ticket = stage.submit();
  EXPECT_TRUE(stage.granted(ticket));
  EXPECT_FALSE(pinged.contains(stage.worker_of(ticket).serial));
}

TEST_F(ProbingFour, AllAreFoundThoughNobodyAnswers) {
  cites(22);
  stage.advance(3 * Duration{8s});
  EXPECT_EQ(stage.core.counters().workers_lost, 4U);
}

}  // namespace
}  // namespace ordeal::pool::core
