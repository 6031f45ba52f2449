// Faults of the zoo that need more than a row of zoo_test.cpp.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <stop_token>

#include "pool/runtime/tests/support.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool {
namespace {

using ::testing::HasSubstr;

constexpr milliseconds soon{60};

TEST(ZooMore, AnErrorReplyBringsTypeMessageTracebackAndTheWorkersOwnRetryability) {
  cites(17);
  Pool pool = must_start(mock_options(1));
  const auto told =
      pool.call("error", Json{{"type", "Overload"}, {"message", "later"}, {"retryable", true}}, {});
  ASSERT_EQ(code_of(told), ErrorCode::application_error);
  ASSERT_NE(told.error().application, nullptr);
  EXPECT_EQ(told.error().application->type, "Overload");
  EXPECT_EQ(told.error().application->message, "later");
  EXPECT_TRUE(told.error().retryable());
  const auto raised = pool.call("raise", Json::object(), {});
  ASSERT_NE(raised.error().application, nullptr);
  EXPECT_EQ(raised.error().application->type, "ValueError");
  EXPECT_THAT(raised.error().application->traceback, HasSubstr("raise_uncaught"));
  EXPECT_FALSE(raised.error().retryable());
}

TEST(ZooMore, WhatJsonCannotCarryIsHandedThroughAsTextAndATypedErrorWhereItIsParsed) {
  cites(15, 16);
  Pool pool = must_start(mock_options(1));
  const std::pair<const char*, const char*> kinds[] = {
      {"nan", "NaN"}, {"surrogate", "\"\\ud800\""}, {"bigint", "1180591620717411303424"}};
  for (const auto& [kind, text] : kinds) {
    SCOPED_TRACE(kind);
    const auto reply = pool.call("unrepresentable", Json{{"kind", kind}, {"raw", true}}, {});
    ASSERT_TRUE(reply) << describe(reply);
    EXPECT_EQ(reply->result_text, text);
    const auto parsed = reply->json();
    ASSERT_FALSE(parsed) << "silently became " << parsed->dump();
    EXPECT_EQ(parsed.error().code, ErrorCode::unrepresentable_value);
  }
  EXPECT_EQ(pool.status().workers_lost, 0U);
  expect_whole(pool);
}

TEST(ZooMore, ASecondReplyThatComesLaterReachesNobody) {
  cites(11, 14);
  cites_bug_class(2);
  for (const int apart_ms : {0, 1, 30}) {
    SCOPED_TRACE(apart_ms);
    Pool pool = must_start(mock_options(1));
    const auto first = pool.call("duplicate_reply", Json{{"apart_ms", apart_ms}}, {});
    ASSERT_TRUE(first) << describe(first);
    // The second reply comes while the worker is idle, or while it has the next request.
    for (int i = 0; i < 20; ++i) {
      const auto answer = echoes(pool, {.deadline = patience});
      if (answer) continue;
      // It may hit a request in hand, which is then told so; it is never that request's answer.
      EXPECT_TRUE(std::string{answer.message()}.find("mixed up") == std::string::npos)
          << answer.message();
    }
    EXPECT_TRUE(wait_until(pool, [](const Status& s) {
      return s.workers_lost == 1 && is_whole(s);
    })) << describe(pool.status());
    expect_whole(pool);
  }
}

TEST(ZooMore, ADuplicateReplyBehindAnIdleWorkerCostsTheNextCallerNothing) {
  cites(14);
  cites_bug_class(13);
  Pool pool = must_start(mock_options(2));
  const auto first = pool.call("duplicate_reply", Json{{"apart_ms", 10}}, {.deadline = patience});
  ASSERT_TRUE(first) << describe(first);
  // On the other worker, for as long as the second reply needs.
  auto lease = pool.checkout({.deadline = patience});
  auto other = pool.checkout({.deadline = patience});
  ASSERT_TRUE(lease && other);
  Lease& healthy = lease->worker() == first->worker ? *other : *lease;
  Lease& babbling = lease->worker() == first->worker ? *lease : *other;
  ASSERT_TRUE(healthy.call("sleep", Json{{"ms", 100}}, {}));
  babbling.release();
  // Only the worker that has babbled is free. The request finds that out before a byte is written,
  // and goes to its replacement.
  EXPECT_TRUE(echoes(pool, {.deadline = patience}));
  healthy.release();
  expect_whole(pool);
  EXPECT_EQ(pool.status().workers_lost, 1U);
}

TEST(ZooMore, AWorkerWithoutAnEarTimesItsNextCallerOutAndIsReplaced) {
  cites(14, 53);
  cites_bug_class(3);
  Pool pool = must_start(mock_options(1));
  const auto closed = pool.call("close_stdin", Json::object(), {.deadline = patience});
  ASSERT_TRUE(closed) << describe(closed);
  const auto next = pool.call("echo", Json::object(), {.deadline = soon});
  EXPECT_EQ(code_of(next), ErrorCode::call_timeout) << describe(next);
  EXPECT_TRUE(wait_until(pool, [](const Status& s) { return s.workers_lost == 1 && is_whole(s); }));
  expect_whole(pool);
}

TEST(ZooMore, AnExitAfterTheReplyCostsTheNextCallerNothing) {
  cites(4, 53);
  cites_bug_class(3);
  Pool pool = must_start(mock_options(1));
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(pool.call("exit_after_reply", Json::object(), {.deadline = patience}));
    EXPECT_TRUE(echoes(pool, {.deadline = patience})) << "the worker before it has just gone";
  }
  expect_whole(pool);
}

TEST(ZooMore, GrandchildrenDieWithTheirWorkerEvenIfTheyHoldItsPipes) {
  cites(2, 52);
  cites_bug_class(6);
  for (const char* hold : {"nothing", "stderr", "protocol"}) {
    SCOPED_TRACE(hold);
    Pool pool = must_start(mock_options(1));
    const auto born =
        pool.call("grandchildren", Json{{"count", 3}, {"ignore_term", true}, {"hold", hold}}, {});
    ASSERT_TRUE(born) << describe(born);
    const auto crashed = pool.call("crash", Json{{"signal", "SIGKILL"}}, {.deadline = patience});
    EXPECT_EQ(code_of(crashed), ErrorCode::worker_died) << describe(crashed);
    expect_whole(pool);
    ASSERT_TRUE(pool.call("grandchildren", Json{{"hold", hold}, {"ignore_term", true}}, {}));
    EXPECT_TRUE(pool.stop(0ms));
    // The leak check finds whoever is left.
  }
}

TEST(ZooMore, StderrOfADeadWorkerReachesItsCaller) {
  cites(53);
  Pool pool = must_start(mock_options(1));
  ASSERT_TRUE(pool.call("print_stdout", Json{{"text", "last words"}}, {.deadline = patience}));
  const auto crashed = pool.call("crash", Json::object(), {.deadline = patience});
  ASSERT_NE(crashed.error().certificate, nullptr);
  EXPECT_THAT(crashed.error().certificate->stderr_tail, HasSubstr("last words"));
  EXPECT_EQ(crashed.error().certificate->served, 1U);
}

TEST(ZooMore, TheCertificateCountsWhatItsWorkerHasAnsweredErrorsToo) {
  cites(53);
  for (const char* last : {"echo", "error"}) {
    SCOPED_TRACE(last);
    Pool pool = must_start(mock_options(1));
    for (const char* command : {"echo", "error", "echo", "error", last}) {
      (void)pool.call(command, Json::object(), {.deadline = patience});
    }
    EXPECT_EQ(pool.status().workers.at(0).served, 5U);
    const auto crashed = pool.call("crash", Json::object(), {.deadline = patience});
    ASSERT_NE(crashed.error().certificate, nullptr);
    EXPECT_EQ(crashed.error().certificate->served, 5U);
    EXPECT_GT(crashed.error().certificate->age_ms, 0) << "it has started, and answered";
  }
}

TEST(ZooMore, NoErrorBearsTheCertificateOfAnEarlierCallsWorker) {
  cites(4, 53);
  Pool pool = must_start(mock_options(1));
  const auto crashed = pool.call("crash", Json::object(), {.deadline = patience});
  ASSERT_NE(crashed.error().certificate, nullptr);
  // Before anything else: it takes the place of the ticket that has just ended.
  std::stop_source given_up;
  given_up.request_stop();
  CallOptions stopped{.deadline = patience};
  stopped.stop_token = given_up.get_token();
  const auto cancelled = pool.call("echo", Json::object(), stopped);
  EXPECT_EQ(code_of(cancelled), ErrorCode::cancelled);
  EXPECT_EQ(cancelled.error().certificate, nullptr);
  const auto refused = pool.call("error", Json::object(), {.deadline = patience});
  EXPECT_EQ(code_of(refused), ErrorCode::application_error);
  EXPECT_EQ(refused.error().certificate, nullptr);
  const auto lease = pool.checkout({.deadline = patience});
  ASSERT_TRUE(lease);
  const auto late = pool.call("echo", Json::object(), {.deadline = soon});
  EXPECT_EQ(code_of(late), ErrorCode::queue_timeout);
  EXPECT_EQ(late.error().certificate, nullptr);
}

TEST(ZooMore, ProgressIsSeenInTheStatus) {
  Pool pool = must_start(mock_options(1));
  ASSERT_TRUE(pool.call("progress", Json{{"count", 3}}, {.deadline = patience}));
  EXPECT_TRUE(wait_until(pool, [&](const Status& status) {
    // No event of the pool tells of progress: a call makes one.
    (void)pool.call("echo", Json::object(), {.deadline = patience});
    return status.workers.at(0).last_progress.find("step 3 of 3") != std::string::npos;
  })) << pool.status().workers.at(0).last_progress;
}

TEST(ZooMore, StopEndsEvenThoseWhoRefuseToDie) {
  cites(10);
  cites_bug_class(11);
  Options options = mock_options(2);
  options.ask_grace = 50ms;
  options.terminate_grace = 50ms;
  Pool pool = must_start(options);
  auto lease = pool.checkout({});
  auto other = pool.checkout({});
  ASSERT_TRUE(lease->call("refuse_to_die", Json::object(), {}));
  ASSERT_TRUE(other->call("ignore_signals", Json::object(), {}));
  lease->release();
  other->release();
  const auto begun = steady_clock::now();
  EXPECT_TRUE(pool.stop(patience));
  EXPECT_LT(steady_clock::now() - begun, 2s);
  EXPECT_TRUE(pool.status().workers.empty());
}

}  // namespace
}  // namespace ordeal::pool
