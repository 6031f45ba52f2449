// Leases: a worker for several calls, and how that ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "pool/runtime/tests/support.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool {
namespace {

using ::testing::HasSubstr;

const Json long_sleep_json{{"ms", 60'000}};

TEST(LeaseOf, AWorkerAnswersSeveralCallsAndGoesBack) {
  cites(4);
  Pool pool = must_start(mock_options(2));
  auto lease = pool.checkout({.deadline = patience});
  ASSERT_TRUE(lease);
  std::set<std::string> pids;
  for (int i = 0; i < 3; ++i) {
    const auto reply = lease->call("pid", Json::object(), {.deadline = patience});
    ASSERT_TRUE(reply) << describe(reply);
    EXPECT_EQ(reply->worker, lease->worker());
    pids.insert(reply->result_text);
  }
  EXPECT_EQ(pids.size(), 1U);
  const auto error = lease->call("error", Json::object(), {.deadline = patience});
  EXPECT_EQ(code_of(error), ErrorCode::application_error);
  EXPECT_THAT(error.error().message, HasSubstr("ScriptedError: failed as asked"));
  EXPECT_TRUE(lease->call("echo", Json::object(), {})) << "an application error breaks no lease";
  EXPECT_EQ(code_of(lease->call("echo", JsonText{"[]"}, {})), ErrorCode::invalid_arguments);
  EXPECT_TRUE(lease->call("echo", Json::object(), {})) << "a caller's mistake breaks no lease";
  EXPECT_EQ(pool.status().busy, 1U);
  lease->release();
  lease->release();
  EXPECT_FALSE(lease->call("echo", Json::object(), {}));
  expect_whole(pool);
}

TEST(LeaseOf, AWorkerThatFailsIsBrokenAndSaysTheSameAgain) {
  cites(4, 12);
  Pool pool = must_start(mock_options(1));
  const std::pair<const char*, ErrorCode> troubles[] = {
      {"crash", ErrorCode::worker_died},
      {"bad_json", ErrorCode::malformed_frame},
      {"hang", ErrorCode::call_timeout},
      {"close_stdout", ErrorCode::worker_closed_stream},
  };
  // Only one of them ends by it.
  const auto end_of = [](std::string_view command) {
    return command == "hang" ? milliseconds{60} : patience;
  };
  for (const auto& [command, code] : troubles) {
    SCOPED_TRACE(command);
    auto lease = pool.checkout({.deadline = patience});
    ASSERT_TRUE(lease);
    const auto first = lease->call(command, Json::object(), {.deadline = end_of(command)});
    EXPECT_EQ(to_string(code_of(first)), to_string(code)) << describe(first);
    const auto second = lease->call("echo", Json::object(), {.deadline = patience});
    EXPECT_EQ(to_string(code_of(second)), to_string(code)) << describe(second);
    lease->release();
    expect_whole(pool);
  }
  EXPECT_EQ(pool.status().workers_lost, 4U);
}

TEST(LeaseOf, AWorkerThatDiesBetweenTwoCallsIsBroken) {
  cites(4);
  cites_bug_class(3);
  Pool pool = must_start(mock_options(1));
  auto lease = pool.checkout({.deadline = patience});
  ASSERT_TRUE(lease);
  ASSERT_TRUE(lease->call("echo", Json::object(), {}));
  kill(pool.status().workers.at(0).pid, SIGKILL);
  EXPECT_TRUE(wait_until(pool, [](const Status& status) { return status.workers_lost == 1; }));
  const auto next = lease->call("echo", Json::object(), {.deadline = patience});
  EXPECT_EQ(code_of(next), ErrorCode::worker_died) << describe(next);
  lease->release();
  expect_whole(pool);
}

TEST(LeaseOf, AWorkerEndsWithAStopAndMayOutliveThePool) {
  cites(10);
  cites_bug_class(12);
  std::optional<Lease> idle;
  std::optional<Lease> in_call;
  std::optional<Lease> never_used;
  {
    Pool pool = must_start(mock_options(3));
    idle.emplace(std::move(*pool.checkout({.deadline = patience})));
    in_call.emplace(std::move(*pool.checkout({.deadline = patience})));
    never_used.emplace(std::move(*pool.checkout({.deadline = patience})));
    ASSERT_TRUE(idle->call("echo", Json::object(), {}));
    Signal begun;
    std::thread busy{[&] {
      begun.set();
      const auto result = in_call->call("sleep", long_sleep_json, {.deadline = patience});
      EXPECT_FALSE(result);
      EXPECT_TRUE(code_of(result) == ErrorCode::stopped_in_flight ||
                  code_of(result) == ErrorCode::pool_stopping)
          << describe(result);
    }};
    EXPECT_TRUE(begun.wait());
    const auto started = steady_clock::now();
    EXPECT_TRUE(pool.stop(100ms));
    EXPECT_LT(steady_clock::now() - started, 2s);
    busy.join();
    EXPECT_FALSE(idle->call("echo", Json::object(), {}));
  }
  EXPECT_FALSE(idle->call("echo", Json::object(), {})) << "the pool is gone";
  idle->release();
}

TEST(LeaseOf, AWorkerIsWaitedForOnlyUntilTheDeadline) {
  cites(5);
  Pool pool = must_start(mock_options(1));
  auto first = pool.checkout({.deadline = patience});
  ASSERT_TRUE(first);
  const auto second = pool.checkout({.deadline = 30ms});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::queue_timeout);
  std::stop_source source;
  source.request_stop();
  const auto third = pool.checkout({.deadline = patience, .stop_token = source.get_token()});
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, ErrorCode::cancelled);
  Lease moved = std::move(*first);
  EXPECT_TRUE(moved.call("echo", Json::object(), {}));
  moved.release();
  expect_whole(pool);
}

}  // namespace
}  // namespace ordeal::pool
