// Layer 3: what goes wrong at the model's endpoint, and workers that die in the middle of a call to
// it. The stand-in counts the requests, so that "once" is seen where it matters.
#include <mutex>

#include "ordeal/pool/reporter.hpp"
#include "python_mock/tests/dspy_support.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool {
namespace {

class DspyFaults : public DspyStack {};

const CallOptions again{.idempotent = true,
                        .retry = RetryPolicy{.max_retries = 5, .base_delay = 1ms}};
const CallOptions once{.retry = RetryPolicy{.max_retries = 5, .base_delay = 1ms}};

TEST_F(DspyFaults, WhatMayHelpIsTriedAgainIfTheCallerAllowsIt) {
  start(dspy_options(2));
  ASSERT_TRUE(pool_);
  for (const Json& fault :
       {Json{{"kind", "rate_limit"}, {"times", 2}, {"retry_after_ms", 10}},
        Json{{"kind", "error"}, {"times", 2}}, Json{{"kind", "drop"}, {"times", 2}},
        Json{{"kind", "malformed"}, {"times", 2}}, Json{{"kind", "empty"}, {"times", 2}}}) {
    const std::string kind = fault["kind"];
    ASSERT_TRUE(gemini_->script(fault));
    const auto reply = pool_->call("execute_program", stateless(kind + " twice"), again);
    EXPECT_EQ(outputs(reply), outputs_of("answer", kind + " twice")) << kind;
    EXPECT_EQ(reply ? reply->attempts : 0, 3U) << kind;
    EXPECT_EQ(gemini_->received(kind + " twice"), 3) << kind;

    ASSERT_TRUE(gemini_->script(fault));
    const auto failed = pool_->call("execute_program", stateless(kind + " once"), once);
    ASSERT_FALSE(failed) << kind;
    EXPECT_EQ(failed.error().code, ErrorCode::application_error) << kind;
    EXPECT_TRUE(failed.error().retryable()) << kind;
    EXPECT_EQ(gemini_->received(kind + " once"), 1) << kind << ": not idempotent";
  }
  EXPECT_EQ(pool_->status().workers_lost, 0U) << "none of it is the worker's death";
}

TEST_F(DspyFaults, ARetryWaitsAsLongAsTheModelAskedFor) {
  start(dspy_options(1));
  ASSERT_TRUE(pool_);
  const Json busy{{"kind", "rate_limit"}, {"times", 1}, {"retry_after_ms", 400}};
  ASSERT_TRUE(gemini_->script(busy));
  const auto failed = pool_->call("execute_program", stateless("told"), once);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().retry_after, 400ms);

  ASSERT_TRUE(gemini_->script(busy));
  const auto began = std::chrono::steady_clock::now();
  EXPECT_TRUE(pool_->call("execute_program", stateless("waited"), again));
  EXPECT_GE(std::chrono::steady_clock::now() - began, 400ms);
}

TEST_F(DspyFaults, WhatCannotHelpIsNot) {
  start(dspy_options(1));
  ASSERT_TRUE(pool_);
  for (const auto& [fault, type] :
       {std::pair{Json{{"kind", "blocked"}}, "LMContentBlockedError"},
        {Json{{"kind", "error"}, {"status", 400}}, "LMInvalidRequestError"},
        {Json{{"kind", "error"}, {"status", 403}}, "LMAuthError"}}) {
    ASSERT_TRUE(gemini_->script(fault));
    const auto failed = pool_->call("execute_program", stateless(type), again);
    EXPECT_EQ(application_type(failed), type);
    EXPECT_EQ(gemini_->received(type), 1) << type;
    EXPECT_EQ(failed.error().message.find(python_mock::stand_in_key), std::string::npos);
  }
}

// Alerts as they come, and a wait for one.
class Alerts {
 public:
  AlertDestination destination() {
    return {"test", [this](const Alert& alert) {
              {
                const std::lock_guard lock{mutex_};
                seen_.push_back(alert);
              }
              come_.notify();
            }};
  }
  bool await(AlertKind kind) {
    const runtime::Instant deadline = runtime::now() + patience;
    while (true) {
      const std::uint32_t ticket = come_.ticket();
      {
        const std::lock_guard lock{mutex_};
        for (const Alert& alert : seen_) {
          if (alert.kind == kind) return true;
        }
      }
      if (runtime::now() >= deadline) return false;
      come_.wait_until(deadline, ticket);
    }
  }

 private:
  std::mutex mutex_;
  std::vector<Alert> seen_;
  runtime::WakeWord come_;
};

TEST_F(DspyFaults, AnOutageOpensTheCircuitIsAlarmingAndEnds) {
  cites(31);
  Alerts alerts;
  auto reporter = Reporter::start({.requests_min = 3}, {alerts.destination()});
  ASSERT_TRUE(reporter);
  Options options = dspy_options(1);
  options.breaker.enabled = true;
  options.breaker.failures = 3;
  options.breaker.successes = 1;
  options.breaker.open = 200ms;
  start(options, {reporter->sink()});
  ASSERT_TRUE(pool_);
  ASSERT_TRUE(gemini_->script({{"kind", "error"}, {"status", 503}, {"times", nullptr}}));
  for (int n = 0; n < 3; ++n) {
    EXPECT_EQ(application_type(pool_->call("execute_program", stateless("outage"), {})),
              "LMServerError");
  }
  const auto refused = pool_->call("execute_program", stateless("outage"), {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::circuit_open);
  EXPECT_EQ(gemini_->received("outage"), 3) << "an open circuit spares the model";
  EXPECT_TRUE(alerts.await(AlertKind::error_rate_critical));

  ASSERT_TRUE(gemini_->order({{"do", "clear"}})["ok"]);
  // The wait until the circuit lets a trial through is a retry's, not the test's.
  const auto reply = pool_->call(
      "execute_program", stateless("after it"),
      {.idempotent = true, .retry = RetryPolicy{.max_retries = 20, .base_delay = 50ms}});
  EXPECT_EQ(outputs(reply), outputs_of("answer", "after it"));
}

TEST_F(DspyFaults, AKillInTheMiddleOfAModelCallIsToldAndNotDoneTwice) {
  cites(53);
  start(dspy_options(2));
  ASSERT_TRUE(pool_);
  Session session = pool_->session("s");
  ASSERT_TRUE(session.call("create_program", program_named("p", "answer"), {}));
  ASSERT_TRUE(gemini_->script({{"kind", "hold"}}));
  Caller caller{*pool_,
                "execute_program",
                run_of("p", "pay the bill"),
                {.retry = once.retry, .session = "s"}};
  ASSERT_TRUE(gemini_->await_held());
  kill_wholly(busy_pid());
  const auto& killed = caller.join();
  ASSERT_FALSE(killed);
  EXPECT_EQ(killed.error().code, ErrorCode::worker_died);
  EXPECT_EQ(killed.error().certainty(), Certainty::indeterminate) << "the model has been asked";
  ASSERT_NE(killed.error().certificate, nullptr);
  EXPECT_EQ(killed.error().certificate->term_signal, SIGKILL);
  gemini_->release();
  const auto next = session.call("execute_program", run_of("p", "and the next?"), {});
  EXPECT_EQ(outputs(next), outputs_of("answer", "and the next?")) << "the session goes on";
  EXPECT_EQ(gemini_->received("pay the bill"), 1) << "not idempotent: not asked twice";
  EXPECT_EQ(session.info()->operations, 2U);
}

TEST_F(DspyFaults, AKillInTheMiddleOfAnIdempotentModelCallIsMadeGood) {
  cites(53);
  start(dspy_options(2));
  ASSERT_TRUE(pool_);
  ASSERT_TRUE(gemini_->script({{"kind", "hold"}}));
  Caller caller{*pool_, "execute_program", stateless("look it up"), again};
  ASSERT_TRUE(gemini_->await_held());
  kill_wholly(busy_pid());
  const auto& reply = caller.join();
  EXPECT_EQ(outputs(reply), outputs_of("answer", "look it up"));
  EXPECT_EQ(reply ? reply->attempts : 0, 2U);
  EXPECT_EQ(gemini_->received("look it up"), 2);
}

TEST_F(DspyFaults, AModelThatHangsIsGivenUpAtTheDeadlineAndTheWorkerServesOn) {
  start(dspy_options(1));
  ASSERT_TRUE(pool_);
  ASSERT_TRUE(pool_->call("execute_program", stateless("warm"), {}));
  ASSERT_TRUE(gemini_->script({{"kind", "hold"}}));
  const auto late = pool_->call("execute_program", stateless("hang"), {.deadline = 500ms});
  ASSERT_FALSE(late);
  // Who is first at the deadline, the worker's client or the host, is chance.
  EXPECT_TRUE(late.error().code == ErrorCode::call_timeout ||
              application_type(late) == "LMTimeoutError")
      << late.error().message;
  // The stand-in holds it still: the worker must not wait for that.
  const auto next = pool_->call("execute_program", stateless("next"), {});
  EXPECT_EQ(outputs(next), outputs_of("answer", "next"));
  EXPECT_EQ(pool_->status().workers_lost, 0U) << "it was no fault of the worker";
  EXPECT_EQ(gemini_->received("hang"), 1);
}

TEST_F(DspyFaults, WorkersThatStartColdImportAtTheSameTime) {
  std::mutex mutex;
  std::vector<std::string> story;
  Options options = dspy_options(2);
  options.fork_template = false;
  start(options, {[&](const PoolEvent& event) {
          if (event.what != "worker_spawning" && event.to != "ready") return;
          const std::lock_guard lock{mutex};
          story.emplace_back(event.what == "worker_spawning" ? "spawning" : "ready");
        }});
  ASSERT_TRUE(pool_);
  pool_.reset();  // all events are told
  ASSERT_GE(story.size(), 4U);
  EXPECT_EQ(story[0], "spawning");
  EXPECT_EQ(story[1], "spawning") << "the second does not wait for the first";
}

}  // namespace
}  // namespace ordeal::pool
