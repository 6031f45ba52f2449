// Categories, severities and strategies: exhaustively, and against the table of the behaviour spec
// (section 9) as it is written there.
#include "ordeal/pool/strategy.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <set>
#include <vector>

#include "pool/core/retry.hpp"
#include "pool/core/tests/core_stage.hpp"

namespace ordeal::pool {
namespace {

using enum Strategy;
using namespace std::chrono_literals;

constexpr std::array severities{Severity::warning, Severity::minor, Severity::major,
                                Severity::critical};

std::vector<ErrorCode> all_codes() {
  std::vector<ErrorCode> codes;
  for (std::uint8_t i = 1; i < error_code_count; ++i) codes.push_back(static_cast<ErrorCode>(i));
  return codes;
}

std::vector<ErrorCategory> all_categories() {
  std::vector<ErrorCategory> categories;
  for (int i = 0; i <= static_cast<int>(ErrorCategory::system); ++i) {
    categories.push_back(static_cast<ErrorCategory>(i));
  }
  return categories;
}

TEST(ErrorTable, EveryErrorThatThePoolMakesHasARealCategory) {
  cites(43);
  const std::set<ErrorCode> wrong_in_any_state{ErrorCode::would_deadlock,
                                               ErrorCode::used_after_fork};
  for (const ErrorCode code : all_codes()) {
    EXPECT_EQ(traits(code).category == ErrorCategory::system, wrong_in_any_state.contains(code))
        << to_string(code);
  }
}

TEST(ErrorTable, NamesAreUniqueAndMeaningsAreThere) {
  cites(43);
  std::set<std::string_view> names;
  for (const ErrorCode code : all_codes()) {
    EXPECT_TRUE(names.insert(to_string(code)).second) << to_string(code);
    EXPECT_FALSE(traits(code).meaning.empty()) << to_string(code);
    EXPECT_NE(traits(code).severity, Severity::warning) << to_string(code);
  }
}

TEST(StrategyTable, IsTheOneOfTheSpecification) {
  cites(43);
  using C = ErrorCategory;
  // critical, major, minor, warning, as the specification has them.
  const std::map<C, std::array<Strategy, 4>> table{
      {C::resource, {circuit_break, failover, abandon, abandon}},
      {C::initialization, {circuit_break, circuit_break, circuit_break, circuit_break}},
      {C::connection, {circuit_break, backoff_retry, backoff_retry, backoff_retry}},
      {C::timeout, {backoff_retry, backoff_retry, backoff_retry, backoff_retry}},
      {C::health_check, {backoff_retry, backoff_retry, backoff_retry, backoff_retry}},
      {C::communication, {immediate_retry, immediate_retry, immediate_retry, immediate_retry}},
      {C::session, {immediate_retry, immediate_retry, immediate_retry, immediate_retry}},
      {C::python, {failover, failover, failover, failover}},
      {C::system, {abandon, abandon, abandon, abandon}},
  };
  ASSERT_EQ(table.size(), all_categories().size());
  for (const auto& [category, row] : table) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const Severity severity = severities[severities.size() - 1 - i];
      for (const std::uint32_t attempt : {0U, 1U, 2U, 3U, 4U, UINT32_MAX}) {
        const bool hopeless = severity == Severity::critical && attempt > 2;
        EXPECT_EQ(strategy_for(category, severity, attempt), hopeless ? abandon : row[i])
            << to_string(category) << ' ' << to_string(severity) << ' ' << attempt;
      }
    }
  }
}

TEST(Severity, TheGravestRuleThatAppliesCounts) {
  cites(43);
  using S = Severity;
  EXPECT_EQ(severity_in(S::minor, {}), S::minor);
  EXPECT_EQ(severity_in(S::minor, {.attempt = 3}), S::minor);
  EXPECT_EQ(severity_in(S::minor, {.attempt = 4}), S::major);
  EXPECT_EQ(severity_in(S::major, {.attempt = 4}), S::critical);
  EXPECT_EQ(severity_in(S::critical, {.attempt = 4}), S::critical);
  EXPECT_EQ(severity_in(S::minor, {.user_facing = true}), S::major);
  EXPECT_EQ(severity_in(S::major, {.user_facing = true}), S::major);
  EXPECT_EQ(severity_in(S::minor, {.affecting_all_workers = true}), S::critical);
  // DSPex took the first rule that applies: this fell from critical to major at the fourth attempt.
  EXPECT_EQ(severity_in(S::minor, {.attempt = 4, .affecting_all_workers = true}), S::critical);
  EXPECT_EQ(severity_in(S::critical, {.severity = S::warning, .affecting_all_workers = true}),
            S::warning);
}

RC_GTEST_PROP(SeverityModel, IsMonotoneInTheAttemptAndNeverBelowItsBase, ()) {
  ErrorContext earlier;
  earlier.attempt = *rc::gen::inRange(0U, 8U);
  earlier.affecting_all_workers = *rc::gen::arbitrary<bool>();
  earlier.user_facing = *rc::gen::arbitrary<bool>();
  const bool is_explicit = *rc::gen::arbitrary<bool>();
  if (is_explicit) earlier.severity = *rc::gen::elementOf(severities);
  ErrorContext later = earlier;
  later.attempt = earlier.attempt + *rc::gen::inRange(0U, 8U);
  const Severity base = *rc::gen::elementOf(severities);
  RC_ASSERT(severity_in(base, earlier) <= severity_in(base, later));
  if (is_explicit) {
    RC_ASSERT(severity_in(base, later) == *earlier.severity);
  } else {
    RC_ASSERT(severity_in(base, earlier) >= base);
  }
}

TEST(StrategyForAnError, RunsNothingAgainThatMustNotRunAgain) {
  cites(38);
  for (const ErrorCode code : all_codes()) {
    for (const Severity severity : severities) {
      for (const bool idempotent : {false, true}) {
        const Error error = make_error(code, "");
        const ErrorContext context{.severity = severity, .idempotent = idempotent};
        const Strategy told = strategy_for(error.category(), severity, 1);
        const Strategy followed = strategy_for(error, context);
        EXPECT_TRUE(followed == told || followed == abandon) << to_string(code);
        const bool tries_again = followed == immediate_retry || followed == backoff_retry;
        if (tries_again) {
          EXPECT_TRUE(error.retryable()) << to_string(code);
        }
        if ((tries_again || followed == failover) && !idempotent) {
          EXPECT_EQ(error.certainty(), Certainty::failed) << to_string(code);
        }
        // Neither is it timid.
        if (idempotent && error.retryable()) {
          EXPECT_EQ(followed, told) << to_string(code);
        }
      }
    }
  }
}

TEST(StrategyForAnError, BlamesNobodyElseForTheCallersMistakes) {
  cites(43);
  for (const ErrorCode code : all_codes()) {
    if (!is_callers_mistake(code)) continue;
    EXPECT_FALSE(traits(code).retryable) << to_string(code);
    for (const Severity severity : severities) {
      const ErrorContext context{.severity = severity, .idempotent = true};
      EXPECT_EQ(strategy_for(make_error(code, ""), context), abandon) << to_string(code);
    }
  }
  EXPECT_TRUE(is_callers_mistake(ErrorCode::invalid_option));
  EXPECT_FALSE(is_callers_mistake(ErrorCode::protocol_unsupported));
}

TEST(StrategyForAnError, CountsAnEarlierAttemptThatMayHaveRun) {
  cites(38);
  Error error = make_error(ErrorCode::queue_full, "");
  EXPECT_EQ(strategy_for(error, {}), failover);
  error.maybe_ran = true;
  EXPECT_EQ(strategy_for(error, {}), abandon);
  EXPECT_EQ(strategy_for(error, {.idempotent = true}), failover);
}

TEST(ShouldRetry, HasTheSpecificationsLimits) {
  cites(38);
  const std::map<Strategy, std::uint32_t> limits{
      {immediate_retry, 3}, {backoff_retry, 5}, {failover, 1}, {circuit_break, 0}, {abandon, 0}};
  for (const auto& [strategy, limit] : limits) {
    for (std::uint32_t attempt = 1; attempt < 10; ++attempt) {
      EXPECT_EQ(should_retry(strategy, attempt), attempt <= limit) << to_string(strategy);
    }
    EXPECT_FALSE(should_retry(strategy, UINT32_MAX));
  }
}

TEST(RetryDelayTable, IsTheSpecificationsAndEndsWithItsLastDelay) {
  cites(39);
  const auto first_six = [](Strategy strategy) {
    std::vector<std::chrono::milliseconds> delays;
    for (std::uint32_t n = 1; n <= 6; ++n) delays.push_back(retry_delay(strategy, n));
    return delays;
  };
  using Delays = std::vector<std::chrono::milliseconds>;
  EXPECT_EQ(first_six(immediate_retry), (Delays{0ms, 100ms, 200ms, 200ms, 200ms, 200ms}));
  EXPECT_EQ(first_six(backoff_retry), (Delays{1s, 2s, 4s, 8s, 16s, 16s}));
  for (const Strategy other : {failover, circuit_break, abandon}) {
    EXPECT_EQ(first_six(other), Delays(6, 1s));
  }
  EXPECT_EQ(retry_delay(backoff_retry, 0), 1s);
  EXPECT_EQ(retry_delay(backoff_retry, UINT32_MAX), 16s);
}

TEST(RetryPolicyOfAStrategy, TakesItsLimitAndItsDelays) {
  cites(38);
  for (const Strategy strategy : {immediate_retry, backoff_retry}) {
    const RetryPolicy policy = retry_policy(strategy);
    EXPECT_EQ(policy.max_retries, strategy == immediate_retry ? 3U : 5U);
    for (std::uint32_t n = 1; n <= policy.max_retries; ++n) {
      const auto range = core::delay_range(policy, n, {});
      EXPECT_EQ(range.lowest, retry_delay(strategy, n));
      EXPECT_EQ(range.highest, retry_delay(strategy, n));
    }
  }
  for (const Strategy other : {failover, circuit_break, abandon}) {
    EXPECT_EQ(retry_policy(other).max_retries, 0U);
  }
}

TEST(Describe, TellsAllButPayloads) {
  Error error = make_error(ErrorCode::worker_died, "worker 7 died\nseverity: minor");
  error.worker = 7;
  error.label = "greeting";
  error.excerpt = "secret";
  auto certificate = std::make_shared<DeathCertificate>();
  certificate->pid = 812;
  certificate->status_known = true;
  certificate->exit_code = 3;
  certificate->age_ms = 20;
  certificate->stderr_tail = "secret";
  error.certificate = certificate;
  EXPECT_EQ(describe(error, {.attempt = 2, .idempotent = true, .session = "s1"}),
            "worker_died: worker 7 died severity: minor\n"
            "category: connection\n"
            "severity: major\n"
            "certainty: indeterminate\n"
            "strategy: backoff_retry\n"
            "worker: 7\n"
            "session: s1\n"
            "attempt: 2\n"
            "label: greeting\n"
            "death: pid 812 exited with status 3 after 20 ms, 0 served\n");
}

TEST(Describe, GivesOnlyTheTypeOfAWorkersOwnError) {
  Error error = make_error(ErrorCode::application_error, "worker 1: ValueError: secret");
  error.application = std::make_shared<ApplicationError>(
      ApplicationError{"ValueError", "secret", "secret", std::nullopt});
  const std::string text = describe(error, {});
  EXPECT_EQ(text.find("secret"), std::string::npos) << text;
  EXPECT_NE(text.find("type: ValueError\n"), std::string::npos) << text;
  EXPECT_NE(text.find("worker: n/a\nsession: n/a\nattempt: 1\nlabel: n/a\n"), std::string::npos)
      << text;
}

}  // namespace
}  // namespace ordeal::pool
