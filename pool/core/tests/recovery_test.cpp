// The plans of recoveries against the specification's table, and their book against a naive one.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <set>
#include <vector>

#include "ordeal/pool/recovery_plan.hpp"
#include "pool/core/recovery_ledger.hpp"
#include "pool/core/tests/core_stage.hpp"

namespace ordeal::pool::core {
namespace {

using A = RecoveryAction;
using C = ErrorCategory;
using S = Severity;
using Outcome = RecoveryOutcome;

struct Wanted {
  A action;
  std::uint32_t tries = 0;
  Backoff backoff = Backoff::exponential;
  std::string_view circuit{};
};

Wanted tries(std::uint32_t n, Backoff backoff) { return {A::retry, n, backoff}; }
Wanted breaks(std::string_view circuit) { return {A::circuit_break, 0, {}, circuit}; }

TEST(RecoveryPlan, IsTheOneOfTheSpecification) {
  cites(43);
  constexpr auto exp = Backoff::exponential;
  constexpr auto lin = Backoff::linear;
  // critical, major, minor (behaviour spec, section 12).
  const std::map<C, std::array<Wanted, 3>> table{
      {C::connection, {breaks("pool_connections"), tries(5, exp), tries(3, lin)}},
      {C::timeout, {Wanted{A::abandon}, tries(2, exp), tries(3, lin)}},
      {C::resource, {breaks("pool_resources"), Wanted{A::failover}, tries(2, lin)}},
      {C::python, {Wanted{A::failover}, Wanted{A::failover}, tries(2, lin)}},
      {C::initialization, {breaks("worker_initialization"), tries(3, exp), tries(2, lin)}},
      {C::communication, {breaks("communication_failures"), tries(3, exp), tries(3, lin)}},
      {C::health_check, {Wanted{A::abandon}, tries(2, exp), tries(3, lin)}},
      {C::session, {Wanted{A::abandon}, tries(2, lin), tries(3, lin)}},
      {C::system, {Wanted{A::abandon}, Wanted{A::abandon}, Wanted{A::abandon}}},
  };
  std::set<C> seen;
  for (std::uint8_t i = 1; i < error_code_count; ++i) {
    const Error error = make_error(static_cast<ErrorCode>(i), "");
    if (is_callers_mistake(error.code) || !error.retryable()) continue;
    seen.insert(error.category());
    for (const S severity : {S::critical, S::major, S::minor, S::warning}) {
      const RecoveryPlan plan = recovery_plan(error, {.severity = severity, .idempotent = true});
      const std::size_t column = severity == S::critical ? 0 : severity == S::minor ? 2 : 1;
      const Wanted& wanted = table.at(error.category())[column];
      EXPECT_EQ(plan.action, wanted.action) << to_string(error.code) << to_string(severity);
      EXPECT_EQ(plan.circuit, wanted.circuit);
      if (wanted.action == A::retry) {
        EXPECT_EQ(plan.retry.max_retries + 1, wanted.tries);
        EXPECT_EQ(plan.retry.backoff, wanted.backoff);
      }
    }
  }
  EXPECT_GE(seen.size(), 6U);  // not all categories have a retryable code
}

TEST(RecoveryPlan, RunsNothingAgainThatMustNotRunAgain) {
  cites(38);
  for (std::uint8_t i = 1; i < error_code_count; ++i) {
    const Error error = make_error(static_cast<ErrorCode>(i), "");
    for (const S severity : {S::critical, S::major, S::minor, S::warning}) {
      const RecoveryPlan plan = recovery_plan(error, {.severity = severity});
      if (plan.action != A::retry && plan.action != A::failover) continue;
      EXPECT_EQ(error.certainty(), Certainty::failed) << to_string(error.code);
      EXPECT_FALSE(is_callers_mistake(error.code)) << to_string(error.code);
      if (plan.action == A::retry) {
        EXPECT_TRUE(error.retryable()) << to_string(error.code);
      }
    }
  }
}

TEST(RecoveryDeadline, DependsOnSeverityAndIsHalvedForUsers) {
  cites(44);
  EXPECT_EQ(recovery_deadline(S::critical, false), 5s);
  EXPECT_EQ(recovery_deadline(S::major, false), 30s);
  EXPECT_EQ(recovery_deadline(S::minor, false), 60s);
  EXPECT_EQ(recovery_deadline(S::warning, false), 10s);
  EXPECT_EQ(recovery_deadline(S::critical, true), 2500ms);
  EXPECT_EQ(recovery_deadline(S::minor, true), 30s);
}

TEST(RecoveryLedger, HasRoomForSoManyAndForOneMoreWhenOneHasEnded) {
  cites(44);
  RecoveryLedger ledger(2);
  const auto one = ledger.begin(Instant{1s});
  ASSERT_TRUE(one && ledger.begin(Instant{1s}));
  EXPECT_FALSE(ledger.begin(Instant{1s}));
  EXPECT_EQ(ledger.end(*one, Outcome::failed, Instant{3s}), Duration{2s});
  const auto next = ledger.begin(Instant{3s});
  ASSERT_TRUE(next);
  EXPECT_EQ(next->index, one->index);
  EXPECT_FALSE(ledger.is_active(*one));
  EXPECT_FALSE(ledger.end(*one, Outcome::succeeded, Instant{4s}));
  EXPECT_TRUE(ledger.is_active(*next));
  EXPECT_EQ(ledger.statistics().refused, 1U);
  EXPECT_EQ(ledger.statistics().stale, 1U);
  EXPECT_EQ(ledger.statistics().average_time(), 2s);
}

// Any order of begins, ends, and ends that come too late, against a list of everything that was.
RC_GTEST_PROP(RecoveryLedgerModel, EveryRecoveryEndsOnceAndTheSumIsRight, ()) {
  cites(44);
  const auto room = *rc::gen::inRange(1U, 6U);
  RecoveryLedger ledger(room);
  struct Known {
    RecoveryLedger::Key key;
    Instant begun{};
    bool active = true;
  };
  std::vector<Known> all;
  RecoveryStatistics wanted;
  Instant now{1s};
  for (const int step : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 1000))) {
    now += step % 7 * 1ms;
    if (step % 3 == 0 || all.empty()) {
      const auto key = ledger.begin(now);
      RC_ASSERT(key.has_value() == (wanted.active < room));
      if (key) {
        for (const Known& known : all) RC_ASSERT(!(known.key == *key));
        all.push_back({*key, now});
        ++wanted.initiated;
        ++wanted.active;
      } else {
        ++wanted.refused;
      }
    } else {
      Known& known = all[static_cast<std::size_t>(step) % all.size()];
      const auto outcome = static_cast<Outcome>(step % 4);
      RC_ASSERT(ledger.is_active(known.key) == known.active);
      const auto took = ledger.end(known.key, outcome, now);
      RC_ASSERT(took.has_value() == known.active);
      if (known.active) {
        --wanted.active;
        wanted.total_time += now - known.begun;
        ++(outcome == Outcome::succeeded   ? wanted.succeeded
           : outcome == Outcome::failed    ? wanted.failed
           : outcome == Outcome::cancelled ? wanted.cancelled
                                           : wanted.timed_out);
      } else {
        ++wanted.stale;
      }
      known.active = false;
    }
    const RecoveryStatistics& is = ledger.statistics();
    RC_ASSERT(is == wanted);
    RC_ASSERT(is.initiated == is.ended() + is.active);
  }
}

}  // namespace
}  // namespace ordeal::pool::core
