// What callers may do in callbacks, and what their mistakes cost.
#include <gtest/gtest.h>

#include "pool/runtime/tests/support.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool {
namespace {

constexpr auto long_sleep = R"({"ms":60000})";

TEST(Callbacks, RunExactlyOnceAlsoOnStop) {
  cites(10, 53);
  std::vector<std::atomic<int>> answers(100);
  {
    Pool pool = must_start(mock_options(2));
    for (auto& count : answers) {
      const auto ticket = pool.call_async("sleep", JsonText{long_sleep}, {.deadline = patience},
                                          [&count](const Result<Reply>& result) {
                                            EXPECT_FALSE(result);
                                            count.fetch_add(1);
                                          });
      ASSERT_TRUE(ticket);
    }
    // One that takes its time: the stop waits for it too.
    Signal returned;
    bool too_early = true;
    ASSERT_TRUE(pool.call_async("sleep", JsonText{long_sleep}, {.deadline = patience},
                                [&](const Result<Reply>&) { too_early = returned.wait(50ms); }));
    EXPECT_TRUE(pool.stop(20ms));
    returned.set();
    EXPECT_FALSE(too_early);
    for (const auto& count : answers) EXPECT_EQ(count.load(), 1) << "by the time stop returns";
  }
  for (const auto& count : answers) EXPECT_EQ(count.load(), 1);
}

TEST(Callbacks, MaySubmitCancelAndLookButNotBlock) {
  Pool pool = must_start(mock_options(1));
  Signal inner_done;
  Signal cancelled;
  const auto outer = pool.call_async(
      "echo", JsonText{"{}"}, {.deadline = patience}, [&](const Result<Reply>& result) {
        EXPECT_TRUE(result) << describe(result);
        const auto blocking = pool.call("echo", Json::object(), {});
        EXPECT_EQ(code_of(blocking), ErrorCode::would_deadlock);
        const auto lease = pool.checkout({});
        EXPECT_EQ(lease.error().code, ErrorCode::would_deadlock);
        const auto stopped = pool.stop(0ms);
        EXPECT_EQ(stopped.error().code, ErrorCode::would_deadlock);
        EXPECT_EQ(pool.status().size, 1U);
        const auto inner = pool.call_async("echo", JsonText{R"({"inner":1})"}, {},
                                           [&](const Result<Reply>& answer) {
                                             EXPECT_TRUE(answer) << describe(answer);
                                             inner_done.set();
                                           });
        EXPECT_TRUE(inner);
        const auto doomed = pool.call_async("sleep", JsonText{long_sleep}, {.deadline = patience},
                                            [&](const Result<Reply>& answer) {
                                              // It may just have been granted.
                                              EXPECT_EQ(describe(answer).substr(0, 9), "cancelled");
                                              cancelled.set();
                                            });
        ASSERT_TRUE(doomed);
        doomed->cancel();
      });
  ASSERT_TRUE(outer);
  EXPECT_TRUE(inner_done.wait());
  EXPECT_TRUE(cancelled.wait());
  expect_whole(pool);
}

TEST(Callbacks, ThatThrowAreContained) {
  cites(48);
  Pool pool = must_start(mock_options(1));
  const Subscription subscription =
      pool.subscribe([](const PoolEvent&) { throw std::runtime_error{"a sink's"}; });
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(pool.call_async("echo", JsonText{"{}"}, {}, [](const Result<Reply>&) {
      throw 7;  // NOLINT: anything may be thrown
    }));
  }
  EXPECT_TRUE(echoes(pool));
  expect_whole(pool);
  EXPECT_TRUE(pool.stop(patience));  // by then all of them have run
  EXPECT_GE(pool.status().sink_failures, 3U);
}

TEST(Callbacks, OfACallersMistakeDoNotRun) {
  cites(16);
  Pool pool = must_start(mock_options(1));
  const auto mistaken = pool.call_async("echo", JsonText{"[1]"}, {}, [](const Result<Reply>&) {
    ADD_FAILURE() << "the mistake was returned, and is not delivered, too";
  });
  ASSERT_FALSE(mistaken);
  EXPECT_EQ(mistaken.error().code, ErrorCode::invalid_arguments);
}

TEST(Callers, MistakesCostNoWorker) {
  cites(16);
  Pool pool = must_start(mock_options(1));
  const auto code = [&](std::string_view arguments) {
    return code_of(pool.call("echo", JsonText{arguments}, {}));
  };
  EXPECT_EQ(code("[]"), ErrorCode::invalid_arguments);
  EXPECT_EQ(code(""), ErrorCode::invalid_arguments);
  EXPECT_EQ(code("{\"a\":}"), ErrorCode::invalid_arguments);
  EXPECT_EQ(code("{}{}"), ErrorCode::invalid_arguments);
  EXPECT_EQ(code_of(pool.call("echo", Json{{"text", "\xff"}}, {})),
            ErrorCode::unencodable_arguments);
  EXPECT_EQ(code_of(pool.call("echo", Json::object(), {.retry = RetryPolicy{.base_delay = -1ns}})),
            ErrorCode::invalid_option);
  EXPECT_EQ(code_of(pool.call("echo", Json::object(), {.affinity = AffinityPolicy::strict})),
            ErrorCode::invalid_option);
  EXPECT_EQ(code_of(pool.call("echo", Json::object(), {.state_in_worker = 1})),
            ErrorCode::invalid_option);
  EXPECT_EQ(code_of(pool.call("echo", Json::object(), {.deadline = -1ms})),
            ErrorCode::queue_timeout);
  EXPECT_EQ(pool.status().workers_lost, 0U);
  EXPECT_EQ(pool.status().workers.at(0).served, 0U) << "a request got as far as a worker";
  expect_whole(pool);
}

}  // namespace
}  // namespace ordeal::pool
