// The health of one worker, as a machine and as numbers; and the table of what follows from
// failures.
#include "pool/core/health.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "pool/core/tests/core_stage.hpp"
#include "pool/core/worker_recovery.hpp"

namespace ordeal::pool::core {
namespace {

constexpr HealthRules rules{.interval = 30s, .timeout = 5s, .failures_max = 3};

TEST(HealthCheck, AWorkerOwesOneAnswerAtMost) {
  HealthCheck health;
  EXPECT_TRUE(health.begin(Instant{1s}));
  EXPECT_EQ(health.failed(), 1U);
  EXPECT_FALSE(health.begin(Instant{9s})) << "the first is unanswered still";
  EXPECT_EQ(health.asked_at(), Instant{1s});
  EXPECT_TRUE(health.answered());
  EXPECT_FALSE(health.answered()) << "one ping has one answer";
  health.passed();
  health.stop_waiting();
  EXPECT_TRUE(health.begin(Instant{20s}));
  EXPECT_EQ(health.failures(), 0U);
}

RC_GTEST_PROP(HealthCheck, CountsFailuresInARowAndNoOthers, (const std::vector<bool>& answers)) {
  HealthCheck health;
  std::uint32_t in_a_row = 0;
  for (const bool good : answers) {
    (void)health.begin(Instant{1s});
    if (good) {
      (void)health.answered();
      health.stop_waiting();
      health.passed();
      in_a_row = 0;
    } else {
      in_a_row += 1;
      RC_ASSERT(health.failed() == in_a_row);
    }
    RC_ASSERT(health.failures() == in_a_row);
    RC_ASSERT(!health.is_waiting());
  }
}

RC_GTEST_PROP(HealthCheck, PeriodsAndPausesKeepTheirBounds, (std::uint64_t seed)) {
  Random random(seed);
  const Duration interval{*rc::gen::inRange<std::int64_t>(1, Duration{24h}.count())};
  const HealthRules any{.interval = interval, .timeout = interval / 5, .failures_max = 3};
  const Duration period = probe_period(any, random);
  RC_ASSERT(period >= probe_rest(any) && period <= interval);
  const auto failures = *rc::gen::inRange<std::uint32_t>(1, 100);
  const Duration pause = probe_pause(any, 5s, failures, random);
  RC_ASSERT(pause >= Duration::zero() && pause <= interval);
  // Three failures, the pauses between them included, fit behind the interval of the first ping.
  const Duration first = probe_pause(any, 5s, 1, random);
  const Duration second = probe_pause(any, 5s, 2, random);
  RC_ASSERT(3 * any.timeout + first + second <= interval);
}

TEST(HealthCheck, PeriodsDifferFromWorkerToWorkerAndAreTheSameFromTheSameSeed) {
  Random one(7);
  Random other(7);
  std::set<Duration> seen;
  for (int i = 0; i < 8; ++i) {
    const Duration period = probe_period(rules, one);
    seen.insert(period);
    EXPECT_EQ(period, probe_period(rules, other));
  }
  EXPECT_EQ(seen.size(), 8U);
}

TEST(WorkerRecovery, EveryFailureHasItsRemedy) {
  cites(22);
  for (std::size_t i = 0; i < worker_failure_count; ++i) {
    const auto failure = static_cast<WorkerFailure>(i);
    const RecoveryRow& row = recovery_of(failure);
    EXPECT_EQ(row.failure, failure);
    for (std::uint32_t in_a_row = 0; in_a_row < 10; ++in_a_row) {
      const bool too_many = row.counts && in_a_row >= 3;
      EXPECT_EQ(decide(failure, in_a_row, 3), too_many ? Remedy::replace : row.remedy);
    }
    EXPECT_EQ(row.delay > Duration::zero(), row.remedy == Remedy::degrade);
  }
}

TEST(WorkerRecovery, SlownessCountsAgainstAWorkerAndACallersImpatienceDoesNot) {
  cites(22);
  EXPECT_EQ(decide(WorkerFailure::call_timed_out, 1, 3), Remedy::quarantine);
  EXPECT_EQ(decide(WorkerFailure::call_timed_out, 3, 3), Remedy::replace);
  EXPECT_EQ(decide(WorkerFailure::call_cancelled, 3, 3), Remedy::quarantine);
  EXPECT_EQ(decide(WorkerFailure::health_check_failed, 2, 3), Remedy::degrade);
  EXPECT_EQ(decide(WorkerFailure::health_check_failed, 3, 3), Remedy::replace);
}

}  // namespace
}  // namespace ordeal::pool::core
