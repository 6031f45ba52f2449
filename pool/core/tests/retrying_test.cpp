// When a request is tried again, and when it is not.
#include <gtest/gtest.h>

#include "pool/core/tests/core_stage.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool::core {
namespace {

using V = ExchangeVerdict;
using P = WireProgress;

RetryPolicy three_times() {
  return {.max_retries = 3,
          .backoff = Backoff::constant,
          .jitter_percent = 0,
          .base_delay = 10ms,
          .max_delay = 10ms};
}

event::Submitted idempotent(Instant deadline = never) {
  return {.deadline = deadline, .idempotent = true, .retry = three_times()};
}

// Its worker breaks the protocol; another gets ready.
void breaks(Stage& stage, TicketId ticket) {
  const WorkerId worker = stage.worker_of(ticket);
  stage.ended(ticket, V::violated, P::written, ErrorCode::malformed_reply);
  const auto told = stage.last;
  stage.exited(worker).all_ready();
  stage.last = told;
}

TEST(Retrying, AnIdempotentRequestPausesAndRunsAgain) {
  cites(38);
  Stage stage(CoreOptions{.size = 1});
  stage.open();
  const TicketId ticket = stage.submit(idempotent());
  breaks(stage, ticket);
  EXPECT_EQ(stage.said<action::Pause>().size(), 1U);
  EXPECT_EQ(stage.core.counters().backing_off, 1U);
  stage.advance(9ms);
  EXPECT_TRUE(stage.said<action::Grant>().empty());
  stage.advance(1ms);
  ASSERT_EQ(stage.said<action::Grant>().size(), 1U);
  EXPECT_EQ(stage.said<action::Grant>()[0].attempt, 2U);
  stage.ended(ticket);
  EXPECT_EQ(stage.outcome(ticket), ErrorCode::none);
  EXPECT_EQ(stage.outcomes.at(ticket.serial).attempts, 2U);
}

TEST(Retrying, OneThatIsNotIdempotentIsNot) {
  cites(38);
  Stage stage(CoreOptions{.size = 1});
  stage.open();
  const TicketId ticket = stage.submit(event::Submitted{.retry = three_times()});
  breaks(stage, ticket);
  EXPECT_EQ(stage.outcome(ticket), ErrorCode::malformed_reply);
}

TEST(Retrying, AWorkersOwnErrorIsTriedAgainOnlyIfItSaysSo) {
  cites(38);
  Stage stage(CoreOptions{.size = 1});
  stage.open();
  const TicketId ticket = stage.submit(idempotent());
  stage.feed(
      event::ExchangeEnded{.ticket = ticket, .verdict = V::application_error, .retryable = true});
  EXPECT_FALSE(stage.outcome(ticket));
  stage.advance(10ms);
  stage.ended(ticket, V::application_error);
  EXPECT_EQ(stage.outcome(ticket), ErrorCode::application_error);
  EXPECT_FALSE(stage.outcomes.at(ticket.serial).maybe_ran);
}

TEST(Retrying, BeginsNoSoonerThanTheWorkerSaidAndNotAtAllIfThatIsTooLong) {
  cites(39);
  Stage stage(CoreOptions{.size = 1});
  stage.open();
  event::Submitted submitted = idempotent();
  submitted.retry = {.max_retries = 3, .jitter_percent = 0, .base_delay = 10ms, .max_delay = 2s};
  const TicketId ticket = stage.submit(submitted);
  event::ExchangeEnded busy{
      .ticket = ticket, .verdict = V::application_error, .retryable = true, .retry_after = 500ms};
  stage.feed(busy);
  stage.advance(509ms);
  EXPECT_EQ(stage.grants.at(ticket.serial).attempt, 1U) << "the policy's own delay comes on top";
  stage.advance(1ms);
  EXPECT_EQ(stage.grants.at(ticket.serial).attempt, 2U);
  busy.retry_after = 2s;
  stage.feed(busy);
  stage.advance(2s);
  EXPECT_EQ(stage.grants.at(ticket.serial).attempt, 3U) << "within max_delay";
  busy.retry_after = 2001ms;
  stage.feed(busy);
  EXPECT_EQ(stage.outcome(ticket), ErrorCode::application_error);
}

TEST(Retrying, EndsWithTheLastErrorWhenTheRetriesAreUsedUp) {
  cites(38);
  Stage stage(CoreOptions{.size = 1});
  stage.open();
  const TicketId ticket = stage.submit(idempotent());
  for (int i = 0; i < 4; ++i) {
    EXPECT_FALSE(stage.outcome(ticket));
    stage.feed(
        event::ExchangeEnded{.ticket = ticket, .verdict = V::application_error, .retryable = true});
    stage.advance(10ms);
  }
  EXPECT_EQ(stage.outcome(ticket), ErrorCode::application_error);
  EXPECT_EQ(stage.outcomes.at(ticket.serial).attempts, 4U);
}

TEST(Retrying, APauseThatWouldNotEndBeforeTheDeadlineIsNotBegun) {
  cites(42);
  Stage stage(CoreOptions{.size = 1});
  stage.open();
  const TicketId exact = stage.submit(idempotent(stage.now + 10ms));
  breaks(stage, exact);
  EXPECT_EQ(stage.outcome(exact), ErrorCode::malformed_reply);
  const TicketId enough = stage.submit(idempotent(stage.now + 10ms + 1ns));
  breaks(stage, enough);
  EXPECT_FALSE(stage.outcome(enough));
}

TEST(Retrying, ARequestThatKillsItsWorkersIsRefused) {
  cites_bug_class(17);
  Stage stage(CoreOptions{.size = 1, .poison_deaths_max = 2});
  stage.core.set_emit(true);
  stage.open();
  const TicketId ticket = stage.submit(idempotent());
  breaks(stage, ticket);
  EXPECT_TRUE(stage.told(Occurrence::request_retry_scheduled));
  stage.advance(1s);
  breaks(stage, ticket);
  EXPECT_TRUE(stage.told(Occurrence::request_retry_exhausted));
  EXPECT_EQ(stage.outcome(ticket), ErrorCode::poisoned_request);
}

TEST(Retrying, ACancelAStopAndADeadlineEndAPause) {
  cites(10);
  Stage stage(CoreOptions{.size = 1});
  stage.open();
  const TicketId cancelled = stage.submit(idempotent());
  breaks(stage, cancelled);
  stage.cancel(cancelled);
  EXPECT_EQ(stage.outcome(cancelled), ErrorCode::cancelled_in_flight);
  const TicketId stopped = stage.submit(idempotent());
  breaks(stage, stopped);
  stage.stop(1s);
  EXPECT_EQ(stage.outcome(stopped), ErrorCode::malformed_reply);
  EXPECT_TRUE(stage.outcomes.at(stopped.serial).maybe_ran);
}

TEST(Retrying, ARetryWaitsWhereItStoodBySerial) {
  cites(5);
  Stage stage(CoreOptions{.size = 1});
  stage.open();
  const TicketId first = stage.submit(idempotent());
  const TicketId second = stage.submit();
  const TicketId third = stage.submit();
  stage.feed(
      event::ExchangeEnded{.ticket = first, .verdict = V::application_error, .retryable = true});
  EXPECT_TRUE(stage.granted(second));
  stage.advance(10ms);
  stage.ended(second);
  EXPECT_EQ(stage.grants.at(first.serial).attempt, 2U);
  EXPECT_FALSE(stage.granted(third));
}

TEST(Retrying, AFullQueueIsTriedAgainByAnyRequestWithAPolicy) {
  cites(38);
  Stage stage(CoreOptions{.size = 1, .queue_max = 1});
  stage.open();
  const TicketId runs = stage.submit();
  const TicketId waits = stage.submit();
  const TicketId ticket = stage.submit(event::Submitted{.retry = three_times()});
  EXPECT_FALSE(stage.outcome(ticket));
  stage.ended(runs).ended(waits).advance(10ms);
  EXPECT_TRUE(stage.granted(ticket));
}

TEST(Retrying, ASpentBudgetMeansFailNowAndAnUnusedChargeComesBack) {
  CoreOptions options{.size = 1, .queue_max = 0};
  options.retry_budget_percent = 0;
  options.retry_budget_max = 1;
  options.retry_budget_per_second = 0;
  Stage stage(options);
  stage.open();
  (void)stage.submit();
  const TicketId charged = stage.submit(event::Submitted{.retry = three_times()});
  EXPECT_FALSE(stage.outcome(charged));
  const TicketId denied = stage.submit(event::Submitted{.retry = three_times()});
  EXPECT_EQ(stage.outcome(denied), ErrorCode::queue_full);
  stage.cancel(charged);
  EXPECT_EQ(stage.outcome(charged), ErrorCode::cancelled);
  const TicketId again = stage.submit(event::Submitted{.retry = three_times()});
  EXPECT_FALSE(stage.outcome(again));
}

TEST(Retrying, ANewcomerDoesNotBargePastAPauseWhoseEndWasNoticedLate) {
  cites(5);
  Stage stage(CoreOptions{.size = 1});
  stage.open();
  const TicketId ticket = stage.submit(idempotent());
  stage.feed(
      event::ExchangeEnded{.ticket = ticket, .verdict = V::application_error, .retryable = true});
  stage.now += 20ms;  // nobody has woken the core
  const TicketId newcomer = stage.submit();
  EXPECT_EQ(stage.grants.at(ticket.serial).attempt, 2U);
  EXPECT_FALSE(stage.granted(newcomer));
}

TEST(Retrying, DecorrelatedDelaysGrowFromTheLastOneAndBeginAnewForEachRequest) {
  cites(40);
  Stage stage(CoreOptions{.size = 1});
  stage.open();
  Duration longest{};
  for (int i = 0; i < 20; ++i) {
    event::Submitted submitted = idempotent();
    submitted.retry = {
        .max_retries = 5, .backoff = Backoff::decorrelated, .base_delay = 10ms, .max_delay = 10s};
    const TicketId ticket = stage.submit(submitted);
    Duration last = 10ms;
    while (!stage.outcome(ticket)) {
      stage.feed(event::ExchangeEnded{
          .ticket = ticket, .verdict = V::application_error, .retryable = true});
      if (stage.outcome(ticket)) break;
      const Duration delay = stage.said<action::Pause>().at(0).delay;
      EXPECT_TRUE(delay >= 10ms && delay <= 3 * last);
      longest = std::max(longest, delay);
      last = delay;
      stage.advance(delay);
    }
  }
  EXPECT_GT(longest, 90ms);  // beyond 3 * base, and beyond what two retries can reach
}

TEST(Retrying, ARetryWhoseWorkerWasFoundUnusableHasNotBegunAndIsRefunded) {
  cites_property(14);
  CoreOptions options{.size = 1};
  options.retry_budget_percent = 0;
  options.retry_budget_max = 1;
  options.retry_budget_per_second = 0;
  Stage stage(options);
  stage.open();
  const TicketId ticket = stage.submit(idempotent());
  stage.feed(
      event::ExchangeEnded{.ticket = ticket, .verdict = V::application_error, .retryable = true});
  stage.advance(10ms);
  ASSERT_EQ(stage.grants.at(ticket.serial).attempt, 2U);
  stage.ended(ticket, V::violated, P::untouched, ErrorCode::stray_output);
  stage.cancel(ticket);
  EXPECT_EQ(stage.outcome(ticket), ErrorCode::cancelled);
  EXPECT_EQ(stage.outcomes.at(ticket.serial).attempts, 1U);
  stage.all_ready();
  const TicketId again = stage.submit(idempotent());
  stage.feed(
      event::ExchangeEnded{.ticket = again, .verdict = V::application_error, .retryable = true});
  EXPECT_FALSE(stage.outcome(again));
}

TEST(Retrying, WhatIsToldIsTheLastAttemptsThoughARetryFoundItsWorkerUnusable) {
  cites(53);
  Stage stage(CoreOptions{.size = 2});
  stage.open();
  const TicketId ticket = stage.submit(idempotent(stage.now + 1s));
  const WorkerId first = stage.worker_of(ticket);
  breaks(stage, ticket);
  stage.advance(10ms);
  const WorkerId second = stage.worker_of(ticket);
  ASSERT_NE(second, first);
  stage.stop(1s);
  stage.ended(ticket, V::violated, P::untouched, ErrorCode::stray_output);
  const action::Resolve told = stage.outcomes.at(ticket.serial);
  EXPECT_EQ(told.code, ErrorCode::malformed_reply);
  EXPECT_EQ(told.worker, first);
  EXPECT_EQ(told.attempts, 1U);
}

TEST(Retrying, ADeadlineBeforeTheRetryIsSeenTellsTheLastError) {
  cites(53);
  Stage stage(CoreOptions{.size = 2});
  stage.core.set_emit(true);
  stage.open();
  const TicketId ticket = stage.submit(idempotent(stage.now + 1s));
  const WorkerId first = stage.worker_of(ticket);
  breaks(stage, ticket);
  stage.advance(10ms);
  stage.ended(ticket, V::timed_out, P::untouched);
  const action::Resolve told = stage.outcomes.at(ticket.serial);
  EXPECT_EQ(told.code, ErrorCode::malformed_reply);
  EXPECT_EQ(told.worker, first);
  EXPECT_TRUE(told.maybe_ran);
  for (const action::Emit& emit : stage.said<action::Emit>()) {
    if (emit.what == Occurrence::request_resolved) {
      EXPECT_TRUE(emit.maybe_ran);
    }
  }
  EXPECT_TRUE(stage.told(Occurrence::request_resolved));
}

TEST(Retrying, WithEveryAttemptFailingTheBudgetBoundsTheLoad) {
  cites_property(23);
  CoreOptions options{.size = 1};
  options.retry_budget_percent = 20;
  options.retry_budget_max = 5;
  options.retry_budget_per_second = 0;
  Stage stage(options);
  stage.open();
  int attempts = 0;
  constexpr int requests = 1000;
  for (int i = 0; i < requests; ++i) {
    const TicketId ticket = stage.submit(idempotent());
    while (!stage.outcome(ticket)) {
      ++attempts;
      stage.feed(event::ExchangeEnded{
          .ticket = ticket, .verdict = V::application_error, .retryable = true});
      if (!stage.outcome(ticket)) stage.advance(10ms);
    }
  }
  EXPECT_LE(attempts, requests + requests / 5 + 5);
  EXPECT_GT(attempts, requests + requests / 5 - 5);
}

}  // namespace
}  // namespace ordeal::pool::core
