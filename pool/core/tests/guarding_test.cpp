// Circuits on a request's way through the core: what they refuse, what they count, and that each
// permit comes back.
#include <gtest/gtest.h>

#include "pool/core/tests/core_stage.hpp"

namespace ordeal::pool::core {
namespace {

using V = ExchangeVerdict;
using P = WireProgress;

constexpr CircuitId a{0, 1};
constexpr CircuitId b{1, 2};

// Opens at the second failure in a row, for 10 s; one trial closes it.
CoreOptions guarded(std::uint32_t size = 1) {
  CoreOptions options{.size = size};
  options.breaker = {.enabled = true,
                     .failures = 2,
                     .successes = 1,
                     .half_open_max = 1,
                     .half_open_expiry = 30s,
                     .open_base = 10s};
  return options;
}

event::Submitted of(CircuitId circuit, Instant deadline = never) {
  return {.deadline = deadline, .circuit = circuit};
}

CircuitView view(const Stage& stage, CircuitId circuit) {
  for (const CircuitView& v : stage.core.circuits(stage.now)) {
    if (v.id == circuit) return v;
  }
  return {};
}

// A worker's own error, the request having been granted.
void errs(Stage& stage, TicketId ticket, bool callers_fault = false) {
  stage.feed(event::ExchangeEnded{
      .ticket = ticket, .verdict = V::application_error, .callers_fault = callers_fault});
}

// Two errors: `circuit` is open from now on.
void trip(Stage& stage, CircuitId circuit) {
  for (int i = 0; i < 2; ++i) errs(stage, stage.submit(of(circuit)));
  ASSERT_EQ(view(stage, circuit).state, CircuitState::open);
}

TEST(Guarding, AReturnedErrorCountsAndSoManyInARowOpenIt) {
  cites(34);  // defect a: DSPex counted a returned error as a success
  Stage stage(guarded());
  stage.open();
  trip(stage, a);
  const TicketId refused = stage.submit(of(a));
  EXPECT_EQ(stage.outcome(refused), ErrorCode::circuit_open);
  EXPECT_EQ(stage.outcomes.at(refused.serial).retry_after, 10s);
  EXPECT_EQ(stage.outcomes.at(refused.serial).attempts, 0U);
  EXPECT_EQ(stage.core.counters().rejected, 1U);
}

TEST(Guarding, ACallersOwnMistakeDoesNotCount) {
  cites(34);
  Stage stage(guarded());
  stage.open();
  for (int i = 0; i < 20; ++i) errs(stage, stage.submit(of(a)), true);
  EXPECT_EQ(view(stage, a).state, CircuitState::closed);
  EXPECT_EQ(view(stage, a).failures, 0U);
}

TEST(Guarding, WhatCountsIsWhatTheWorkerDid) {
  cites(34);
  struct Case {
    V verdict;
    P progress;
    ErrorCode code;
    std::uint32_t failures;
  };
  const Case cases[] = {
      {V::replied, P::written, ErrorCode::none, 0},
      {V::replied, P::written, ErrorCode::stray_output, 0},  // the reply was good
      {V::violated, P::written, ErrorCode::malformed_reply, 1},
      {V::violated, P::untouched, ErrorCode::stray_output, 0},
      {V::timed_out, P::written, ErrorCode::none, 1},
      {V::timed_out, P::partial, ErrorCode::none, 1},
      {V::timed_out, P::untouched, ErrorCode::none, 0},
      {V::cancelled, P::written, ErrorCode::none, 0},
      {V::lost, P::untouched, ErrorCode::none, 0},
  };
  for (const Case& c : cases) {
    Stage stage(guarded());
    stage.open();
    const TicketId ticket = stage.submit(of(a));
    stage.ended(ticket, c.verdict, c.progress, c.code);
    EXPECT_EQ(view(stage, a).failures, c.failures) << static_cast<int>(c.verdict);
  }
}

TEST(Guarding, ADeathCountsWhenItIsKnownAndAStopDoesNot) {
  cites(34);
  Stage stage(guarded());
  stage.open();
  const TicketId died = stage.submit(of(a));
  stage.ended(died, V::lost);
  EXPECT_EQ(view(stage, a).failures, 0U);
  stage.exited(stage.worker_of(died));
  EXPECT_EQ(view(stage, a).failures, 1U);
  stage.all_ready();
  const TicketId stopped = stage.submit(of(a));
  stage.stop(0ms).ended(stopped, V::lost).exited(stage.worker_of(stopped));
  EXPECT_EQ(stage.outcome(stopped), ErrorCode::stopped_in_flight);
  EXPECT_EQ(view(stage, a).failures, 1U);
}

TEST(Guarding, ADeadlineThatPassesInTheQueueAndACancelThereSayNothing) {
  cites(34);
  Stage stage(guarded());
  stage.open();
  const TicketId runs = stage.submit();
  for (int i = 0; i < 3; ++i) (void)stage.submit(of(a, stage.now + 1s));
  const TicketId cancelled = stage.submit(of(a));
  stage.cancel(cancelled).advance(1s).ended(runs);
  EXPECT_EQ(view(stage, a).state, CircuitState::closed);
  EXPECT_EQ(view(stage, a).failures, 0U);
}

TEST(Guarding, AnOpenCircuitIsAResourceErrorThatDidNotHappenAndIsWorthARetry) {
  cites(43);  // defect d: DSPex called it a critical system error, to be abandoned
  for (const ErrorCode code : {ErrorCode::circuit_open, ErrorCode::circuit_half_open_limit}) {
    EXPECT_EQ(traits(code).category, ErrorCategory::resource);
    EXPECT_EQ(traits(code).certainty, Certainty::failed);
    EXPECT_TRUE(traits(code).retryable);
  }
}

TEST(Guarding, EachTransitionIsOneEventWithItsFailuresAndHowLong) {
  cites_property(8);  // defect f among them
  Stage stage(guarded());
  stage.core.set_emit(true);
  stage.open();
  std::vector<action::Emit> told;
  const auto note = [&] {
    for (const auto& e : stage.said<action::Emit>()) {
      if (e.what >= Occurrence::breaker_opened && e.what <= Occurrence::breaker_ordered) {
        told.push_back(e);
      }
    }
  };
  for (int i = 0; i < 2; ++i) {
    const TicketId ticket = stage.submit(of(a));
    errs(stage, ticket);
    note();
  }
  stage.advance(10s);
  const TicketId trial = stage.submit(of(a));
  note();
  errs(stage, trial);
  note();
  stage.advance(10s);
  const TicketId again = stage.submit(of(a));
  note();
  stage.ended(again);
  note();
  stage.feed(event::CircuitOrdered{a, CircuitOrder::force_open});
  note();
  using O = Occurrence;
  const O expected[] = {O::breaker_opened,      O::breaker_half_opened, O::breaker_reopened,
                        O::breaker_half_opened, O::breaker_closed,      O::breaker_ordered};
  ASSERT_EQ(told.size(), std::size(expected));
  for (std::size_t i = 0; i < told.size(); ++i) {
    EXPECT_EQ(told[i].what, expected[i]);
    EXPECT_EQ(told[i].circuit, a);
  }
  EXPECT_EQ(told[0].count, 2U);
  EXPECT_EQ(told[0].duration, 10s);
  EXPECT_EQ(told[2].count, 1U);
  EXPECT_EQ(told[5].circuit_to, CircuitState::forced_open);
}

TEST(Guarding, CircuitsKnowNothingOfOneAnother) {
  cites(36);  // defect b: in DSPex one slow circuit delayed all others
  Stage stage(guarded(2));
  stage.open();
  const TicketId slow = stage.submit(of(a));
  EXPECT_TRUE(stage.granted(slow));
  for (int i = 0; i < 5; ++i) {
    const TicketId other = stage.submit(of(b));
    EXPECT_TRUE(stage.granted(other)) << "while the call of the other circuit runs";
    stage.ended(other);
  }
  trip(stage, a);
  EXPECT_EQ(view(stage, b).state, CircuitState::closed);
  EXPECT_TRUE(stage.granted(stage.submit(of(b))));
}

TEST(Guarding, WhoWaitsBehindACircuitThatOpensHearsOfItAtOnceAndTheOthersKeepTheirPlaces) {
  cites(5);
  Stage stage(guarded(2));
  stage.open();
  const TicketId first = stage.submit(of(a));
  const TicketId second = stage.submit(of(a));
  const TicketId waits = stage.submit(of(a));
  const TicketId other = stage.submit(of(b));
  const TicketId last = stage.submit();
  errs(stage, first);
  EXPECT_TRUE(stage.granted(waits));
  const TicketId behind = stage.submit(of(a));
  errs(stage, second);  // the second in a row
  EXPECT_EQ(stage.outcome(behind), ErrorCode::circuit_open);
  EXPECT_TRUE(stage.granted(other));
  EXPECT_FALSE(stage.granted(last));
  stage.ended(other);
  EXPECT_TRUE(stage.granted(last));
}

TEST(Guarding, AHalfOpenCircuitLetsItsTrialsThroughAndRefusesTheRestAtTheirTurn) {
  cites(33);
  Stage stage(guarded(2));
  stage.open();
  trip(stage, a);
  stage.advance(10s);
  const TicketId trial = stage.submit(of(a));
  EXPECT_TRUE(stage.granted(trial));
  const TicketId more = stage.submit(of(a));
  EXPECT_EQ(stage.outcome(more), ErrorCode::circuit_half_open_limit);
  stage.ended(trial);
  EXPECT_EQ(view(stage, a).state, CircuitState::closed);
  EXPECT_TRUE(stage.granted(stage.submit(of(a))));
}

TEST(Guarding, APermitComesBackWhateverEndsTheTrial) {
  cites(33);
  struct Case {
    const char* name;
    CircuitState then;
    void (*end)(Stage&, TicketId);
  };
  const Case cases[] = {
      {"an answer", CircuitState::closed, [](Stage& s, TicketId t) { s.ended(t); }},
      {"an error", CircuitState::open, [](Stage& s, TicketId t) { errs(s, t); }},
      {"the caller's mistake", CircuitState::half_open,
       [](Stage& s, TicketId t) { errs(s, t, true); }},
      {"a death", CircuitState::open,
       [](Stage& s, TicketId t) {
         const WorkerId worker = s.worker_of(t);
         s.exited(worker).ended(t, V::lost).all_ready();
       }},
      {"a worker found unusable", CircuitState::half_open,
       [](Stage& s, TicketId t) {
         const WorkerId worker = s.worker_of(t);
         s.ended(t, V::violated, P::untouched, ErrorCode::stray_output).cancel(t);
         s.exited(worker).all_ready();
       }},
      {"a cancel", CircuitState::half_open,
       [](Stage& s, TicketId t) {
         s.cancel(t).ended(t, V::cancelled);
         s.feed(event::LateReplyDrained{s.worker_of(t), 0});
       }},
      {"the deadline", CircuitState::open, [](Stage& s, TicketId t) { s.ended(t, V::timed_out); }},
      {"nothing at all", CircuitState::open, [](Stage& s, TicketId) { s.advance(30s); }},
  };
  for (const Case& c : cases) {
    Stage stage(guarded());
    stage.open();
    trip(stage, a);
    stage.advance(10s);
    const TicketId trial = stage.submit(of(a));
    ASSERT_TRUE(stage.granted(trial));
    c.end(stage, trial);
    EXPECT_EQ(view(stage, a).state, c.then) << c.name;
    EXPECT_EQ(view(stage, a).trials, 0U) << c.name;
    if (c.then != CircuitState::half_open) continue;
    EXPECT_TRUE(stage.granted(stage.submit(of(a)))) << c.name;
  }
}

TEST(Guarding, ALeaseHoldsAPermitAndGivesItBackUnusedOrNot) {
  cites(33);
  Stage stage(guarded());
  stage.open();
  trip(stage, a);
  stage.advance(10s);
  event::Submitted lease = of(a);
  lease.lease = true;
  const TicketId unused = stage.submit(lease);
  EXPECT_EQ(view(stage, a).trials, 1U);
  stage.ended(unused, V::replied, P::untouched);
  EXPECT_EQ(view(stage, a).state, CircuitState::half_open);
  const TicketId used = stage.submit(lease);
  stage.ended(used);
  EXPECT_EQ(view(stage, a).state, CircuitState::closed);
}

TEST(Guarding, ATrialThatHangsDoesNotKeepTheCircuitHalfOpen) {
  cites(33);
  Stage stage(guarded(2));
  stage.core.set_emit(true);
  stage.open();
  trip(stage, a);
  stage.advance(10s);
  const TicketId hangs = stage.submit(of(a));
  stage.advance(30s);
  EXPECT_TRUE(stage.told(Occurrence::breaker_reopened)) << "told in time, though nobody asks";
  stage.ended(hangs);
  EXPECT_EQ(view(stage, a).state, CircuitState::open);
  EXPECT_EQ(view(stage, a).stale_results, 1U);
}

RetryPolicy times(std::uint32_t retries, Duration delay, Duration longest) {
  return {.max_retries = retries,
          .backoff = Backoff::constant,
          .jitter_percent = 0,
          .base_delay = delay,
          .max_delay = longest};
}

TEST(Guarding, ARetryWaitsForTheTrialsIfItsPolicyAndDeadlineAllow) {
  Stage stage(guarded());
  stage.open();
  trip(stage, a);
  event::Submitted patient = of(a, stage.now + 60s);
  patient.retry = times(1, 10ms, 20s);
  const TicketId ticket = stage.submit(patient);
  EXPECT_FALSE(stage.outcome(ticket));
  stage.advance(10s + 9ms);
  EXPECT_FALSE(stage.granted(ticket));
  stage.advance(1ms);
  EXPECT_TRUE(stage.granted(ticket));
  stage.ended(ticket);
  EXPECT_EQ(stage.outcome(ticket), ErrorCode::none);
}

TEST(Guarding, ARetryThatWouldFindTheCircuitOpenIsNotBegunAndNotCharged) {
  CoreOptions options = guarded();
  options.retry_budget_percent = 0;
  options.retry_budget_max = 1;
  options.retry_budget_per_second = 0;
  Stage stage(options);
  stage.core.set_emit(true);
  stage.open();
  trip(stage, a);
  for (const Instant deadline : {never, stage.now + 5s}) {
    event::Submitted hasty = of(a, deadline);
    hasty.retry = times(5, 10ms, deadline == never ? 1s : 1min);
    const TicketId ticket = stage.submit(hasty);
    EXPECT_EQ(stage.outcome(ticket), ErrorCode::circuit_open);
    EXPECT_TRUE(stage.told(Occurrence::request_retry_exhausted));
  }
  EXPECT_EQ(stage.core.counters().retries, 0U);
}

TEST(Guarding, AnAttemptThatOpensItsCircuitEndsWithItsOwnError) {
  Stage stage(guarded());
  stage.open();
  event::Submitted submitted = of(a);
  submitted.idempotent = true;
  submitted.retry = times(9, 10ms, 1s);
  const TicketId ticket = stage.submit(submitted);
  const auto fail = [&] {
    stage.feed(
        event::ExchangeEnded{.ticket = ticket, .verdict = V::application_error, .retryable = true});
  };
  fail();
  EXPECT_FALSE(stage.outcome(ticket));
  stage.advance(10ms);
  fail();
  EXPECT_EQ(stage.outcome(ticket), ErrorCode::application_error);
}

TEST(Guarding, ARetryThatNoWorkerSawSaysNothingThoughItsCallerIsToldTheEarlierError) {
  cites(34);
  CoreOptions options = guarded();
  options.breaker.failures = 3;
  Stage stage(options);
  stage.open();
  event::Submitted submitted = of(a, stage.now + 1s);
  submitted.idempotent = true;
  submitted.retry = times(1, 10ms, 1s);
  const TicketId ticket = stage.submit(submitted);
  stage.feed(
      event::ExchangeEnded{.ticket = ticket, .verdict = V::application_error, .retryable = true});
  EXPECT_EQ(view(stage, a).failures, 1U);
  stage.advance(10ms);
  ASSERT_EQ(stage.grants.at(ticket.serial).attempt, 2U);
  stage.advance(990ms).ended(ticket, V::timed_out, P::untouched);
  EXPECT_EQ(stage.outcome(ticket), ErrorCode::application_error);
  EXPECT_EQ(view(stage, a).failures, 1U);
}

TEST(Guarding, AnOperatorsOrdersHold) {
  cites_property(9);
  Stage stage(guarded());
  stage.open();
  const TicketId runs = stage.submit();
  const TicketId waits = stage.submit(of(a));
  stage.feed(event::CircuitOrdered{a, CircuitOrder::force_open});
  EXPECT_EQ(stage.outcome(waits), ErrorCode::circuit_open);
  EXPECT_EQ(stage.outcomes.at(waits.serial).retry_after, Duration::max());
  stage.ended(runs).advance(1h);
  EXPECT_EQ(stage.outcome(stage.submit(of(a))), ErrorCode::circuit_open);
  stage.feed(event::CircuitOrdered{a, CircuitOrder::disable});
  for (int i = 0; i < 20; ++i) errs(stage, stage.submit(of(a)));
  stage.feed(event::CircuitOrdered{a, CircuitOrder::observe});
  for (int i = 0; i < 20; ++i) errs(stage, stage.submit(of(a)));
  EXPECT_EQ(view(stage, a).would_have_opened, 10U);
  stage.feed(event::CircuitOrdered{a, CircuitOrder::enable});
  trip(stage, a);
  stage.feed(event::CircuitOrdered{a, CircuitOrder::reset});
  EXPECT_TRUE(stage.granted(stage.submit(of(a))));
}

TEST(Guarding, AnIdlePlaceMayGoToAnotherKeyWhichBeginsAnew) {
  Stage stage(guarded());
  stage.open();
  errs(stage, stage.submit(of(a)));
  const TicketId runs = stage.submit(of(a));
  EXPECT_FALSE(stage.core.circuit_idle(a.index, stage.now)) << "in use";
  errs(stage, runs);
  EXPECT_FALSE(stage.core.circuit_idle(a.index, stage.now)) << "open";
  stage.advance(10s);
  EXPECT_TRUE(stage.core.circuit_idle(a.index, stage.now));
  const CircuitId next{a.index, 9};
  errs(stage, stage.submit(of(next)));
  EXPECT_EQ(view(stage, next).failures, 1U);
  EXPECT_EQ(view(stage, a).id, CircuitId{}) << "it is known no more";
}

}  // namespace
}  // namespace ordeal::pool::core
