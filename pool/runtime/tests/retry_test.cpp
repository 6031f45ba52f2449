// Retries with real workers: what a caller of a pool sees of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "pool/runtime/tests/support.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool {
namespace {

using ::testing::HasSubstr;

RetryPolicy quick(std::uint32_t max_retries) {
  return {.max_retries = max_retries,
          .backoff = Backoff::constant,
          .jitter_percent = 0,
          .base_delay = 5ms,
          .max_delay = 5ms};
}

CallOptions retrying(std::uint32_t max_retries) {
  return {.deadline = patience, .idempotent = true, .retry = quick(max_retries)};
}

// Crashes, once for each line that `marker` has yet to get, then answers.
Json crash_until(const std::string& marker, int crashes) {
  return {{"file", marker}, {"crashes", crashes}};
}

class Retry : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/ordeal-retry-XXXXXX";
    const int descriptor = ::mkstemp(name);
    ASSERT_GE(descriptor, 0);
    ::close(descriptor);
    marker = name;
  }
  void TearDown() override { ::unlink(marker.c_str()); }
  [[nodiscard]] Options options(std::uint32_t size) const {
    Options options = script_options(size, TESTS_FOLDER "/retry_bridge.py");
    options.environment["PYTHON_MOCK"] = PYTHON_MOCK;
    return options;
  }
  std::string marker;
};

TEST_F(Retry, AnIdempotentRequestSurvivesTheCrashOfItsWorker) {
  cites(38);
  Pool pool = must_start(options(2));
  const auto reply = pool.call("crash_until", crash_until(marker, 2), retrying(2));
  ASSERT_TRUE(reply) << describe(reply);
  EXPECT_EQ(reply->attempts, 3U);
  EXPECT_EQ(reply->result_text, "{\"attempt\":3}");
  EXPECT_EQ(pool.status().retries, 2U);
  expect_whole(pool);
}

TEST_F(Retry, ACustomTableOfDelaysIsFollowed) {
  cites(40);
  Pool pool = must_start(options(2));
  std::vector<std::chrono::nanoseconds> pauses;
  const Subscription heard = pool.subscribe([&](const PoolEvent& event) {
    if (event.what == "request_retry_scheduled") pauses.push_back(event.duration);
  });
  CallOptions custom = retrying(3);
  custom.retry->backoff = Backoff::custom;
  custom.retry->max_delay = 1min;
  custom.retry->delays = {3ms, 1ms};
  const auto reply = pool.call("crash_until", crash_until(marker, 2), custom);
  ASSERT_TRUE(reply) << describe(reply);
  ASSERT_TRUE(pool.stop(0ms));
  EXPECT_EQ(pauses, (std::vector<std::chrono::nanoseconds>{3ms, 1ms}));
}

TEST_F(Retry, ATableThatIsEmptyOrTooLongIsRefused) {
  Pool pool = must_start(options(1));
  CallOptions custom = retrying(3);
  custom.retry->backoff = Backoff::custom;
  const auto empty = pool.call("echo", Json::object(), custom);
  ASSERT_EQ(code_of(empty), ErrorCode::invalid_option);
  EXPECT_THAT(empty.error().message, HasSubstr("call option retry.delays"));
  for (int i = 0; i < 17; ++i) custom.retry->delays.add(1ms);
  EXPECT_EQ(code_of(pool.call("echo", Json::object(), custom)), ErrorCode::invalid_option);
}

TEST_F(Retry, SoDoesAnAsynchronousOne) {
  Pool pool = must_start(options(1));
  Signal done;
  Result<Reply> reply{tl::unexpect, make_error(ErrorCode::none, "not yet")};
  const std::string arguments = crash_until(marker, 1).dump();
  const auto ticket =
      pool.call_async("crash_until", JsonText{arguments}, retrying(2), [&](Result<Reply> result) {
        reply = std::move(result);
        done.set();
      });
  ASSERT_TRUE(ticket);
  ASSERT_TRUE(done.wait());
  ASSERT_TRUE(reply) << describe(reply);
  EXPECT_EQ(reply->attempts, 2U);
  expect_whole(pool);
}

TEST_F(Retry, ARequestThatIsNotIdempotentIsTriedOnce) {
  cites(38);
  Pool pool = must_start(options(1));
  CallOptions once = retrying(2);
  once.idempotent = false;
  const auto reply = pool.call("crash_until", crash_until(marker, 1), once);
  ASSERT_EQ(code_of(reply), ErrorCode::worker_died) << describe(reply);
  EXPECT_EQ(reply.error().attempts, 1U);
  EXPECT_EQ(pool.status().retries, 0U);
  expect_whole(pool);
}

TEST_F(Retry, ThePoolsOptionsAreThePolicyOfCallsThatBringNone) {
  Options with = options(1);
  with.retry.max_retries = 1;
  with.retry.base_delay = 5ms;
  Pool pool = must_start(with);
  const auto reply =
      pool.call("crash_until", crash_until(marker, 1), {.deadline = patience, .idempotent = true});
  ASSERT_TRUE(reply) << describe(reply);
  EXPECT_EQ(reply->attempts, 2U);
  const auto never = pool.call("crash_until", crash_until(marker, 9),
                               {.idempotent = true, .retry = RetryPolicy{}});
  EXPECT_EQ(code_of(never), ErrorCode::worker_died);
  EXPECT_EQ(never.error().attempts, 1U);
}

TEST_F(Retry, TheDeadlineCoversThePausesAndTheLastErrorIsTold) {
  cites(42);
  Pool pool = must_start(options(1));
  CallOptions late = retrying(9);
  late.deadline = 2s;
  late.retry->base_delay = late.retry->max_delay = 1min;
  const auto before = steady_clock::now();
  const auto reply = pool.call("crash_until", crash_until(marker, 1), late);
  EXPECT_LT(steady_clock::now() - before, 2s);
  ASSERT_EQ(code_of(reply), ErrorCode::worker_died) << describe(reply);
  EXPECT_EQ(reply.error().attempts, 1U);
  ASSERT_NE(reply.error().certificate, nullptr);
}

TEST_F(Retry, AStopDuringThePauseTellsTheLastErrorWithItsCertificate) {
  Pool pool = must_start(options(1));
  CallOptions slow = retrying(9);
  slow.deadline = 1min;
  slow.retry->base_delay = slow.retry->max_delay = 30s;
  Caller caller(pool, "crash_until", crash_until(marker, 1), slow);
  ASSERT_TRUE(wait_until(pool, [](const Status& s) { return s.backing_off == 1; }));
  ASSERT_TRUE(pool.stop(0ms));
  const auto& reply = caller.join();
  ASSERT_EQ(code_of(reply), ErrorCode::worker_died) << describe(reply);
  EXPECT_EQ(reply.error().certainty(), Certainty::indeterminate);
  ASSERT_NE(reply.error().certificate, nullptr);
  EXPECT_EQ(reply.error().certificate->exit_code, 3);
}

TEST_F(Retry, ARequestThatKillsItsWorkersIsRefused) {
  Pool pool = must_start(options(1));
  const auto reply = pool.call("crash_until", crash_until(marker, 99), retrying(9));
  ASSERT_EQ(code_of(reply), ErrorCode::poisoned_request) << describe(reply);
  EXPECT_EQ(reply.error().attempts, 3U);
  EXPECT_THAT(reply.error().message, HasSubstr("exited with status 3"));
}

TEST_F(Retry, AWorkersOwnErrorIsTriedAgainIfTheWorkerSaysSo) {
  Pool pool = must_start(options(1));
  const auto told = pool.call("error", Json{{"retryable", true}}, retrying(2));
  ASSERT_EQ(code_of(told), ErrorCode::application_error);
  EXPECT_EQ(told.error().attempts, 3U);
  EXPECT_EQ(told.error().certainty(), Certainty::failed);
  const auto other = pool.call("error", Json{{"retryable", false}}, retrying(2));
  EXPECT_EQ(other.error().attempts, 1U);
}

}  // namespace
}  // namespace ordeal::pool
