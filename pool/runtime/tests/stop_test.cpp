// The end of the pool.
#include <gtest/gtest.h>

#include <deque>

#include "pool/runtime/tests/support.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool {
namespace {

const Json long_sleep_json{{"ms", 60'000}};

TEST(Stop, WithBlockedCallersGivesEachOfThemItsError) {
  cites(10, 53);
  cites_bug_class(12);
  Pool pool = must_start(mock_options(2));
  std::deque<Caller> callers;
  for (int i = 0; i < 6; ++i) {
    callers.emplace_back(pool, "sleep", long_sleep_json, CallOptions{.deadline = patience});
  }
  EXPECT_TRUE(wait_until(
      pool, [](const Status& status) { return status.running == 2 && status.queue_depth == 4; }));
  const auto begun = steady_clock::now();
  EXPECT_TRUE(pool.stop(100ms));
  EXPECT_LT(steady_clock::now() - begun, 2s);
  int in_flight = 0;
  int waiting = 0;
  for (Caller& caller : callers) {
    in_flight += code_of(caller.join()) == ErrorCode::stopped_in_flight;
    waiting += code_of(caller.join()) == ErrorCode::pool_stopping;
  }
  EXPECT_EQ(in_flight, 2);
  EXPECT_EQ(waiting, 4);
  expect_sum(pool.status());
  EXPECT_TRUE(pool.status().workers.empty());
}

// More at once than the pool wakes without taking memory. Each would come back by itself, too, but
// only at its deadline.
TEST(Stop, WakesEachOfManyCallersAtOnce) {
  cites(10, 53);
  cites_bug_class(12);
  Pool pool = must_start(mock_options(1));
  std::deque<Caller> callers;
  for (int i = 0; i < 40; ++i) {
    callers.emplace_back(pool, "sleep", long_sleep_json, CallOptions{.deadline = patience});
  }
  EXPECT_TRUE(wait_until(pool, [](const Status& status) { return status.queue_depth == 39; }));
  EXPECT_TRUE(pool.stop(0ms));
  const auto begun = steady_clock::now();
  for (Caller& caller : callers) {
    const ErrorCode code = code_of(caller.join());
    EXPECT_TRUE(code == ErrorCode::pool_stopping || code == ErrorCode::stopped_in_flight);
  }
  EXPECT_LT(steady_clock::now() - begun, patience / 2) << "somebody was not woken";
}

TEST(Stop, LetsRunningCallsFinishWithinTheGrace) {
  cites(10);
  Pool pool = must_start(mock_options(1));
  Caller caller{pool, "sleep", Json{{"ms", 200}}, {.deadline = patience}};
  EXPECT_TRUE(wait_until(pool, [](const Status& status) { return status.running == 1; }));
  EXPECT_TRUE(pool.stop(patience));
  EXPECT_TRUE(caller.join()) << describe(caller.join());
}

TEST(Stop, IsIdempotentAndAConcurrentOneCanOnlyShortenIt) {
  cites(10);
  cites_bug_class(12);
  Pool pool = must_start(mock_options(2));
  Caller caller{pool, "sleep", long_sleep_json, {.deadline = patience}};
  EXPECT_TRUE(wait_until(pool, [](const Status& status) { return status.running == 1; }));
  const auto begun = steady_clock::now();
  std::vector<std::thread> stops;
  for (const milliseconds grace : {milliseconds{patience}, 100ms, milliseconds{patience}}) {
    stops.emplace_back([&pool, grace] { EXPECT_TRUE(pool.stop(grace)); });
  }
  for (std::thread& stop : stops) stop.join();
  EXPECT_LT(steady_clock::now() - begun, 3s);
  EXPECT_EQ(code_of(caller.join()), ErrorCode::stopped_in_flight);
  EXPECT_TRUE(pool.stop(0ms));
  EXPECT_EQ(code_of(pool.call("echo", Json::object(), {})), ErrorCode::pool_stopping);
  EXPECT_FALSE(pool.checkout({}));
}

TEST(Stop, RacesSubmittersWithoutLosingAnyOfThem) {
  cites(10, 53);
  cites_bug_class(12);
  for (int round = 0; round < 3; ++round) {
    Pool pool = must_start(mock_options(2));
    std::atomic<int> open{0};
    std::atomic<int> answers{0};
    std::vector<std::thread> submitters;
    Signal going;
    for (int i = 0; i < 4; ++i) {
      submitters.emplace_back([&] {
        while (true) {
          const auto ticket = pool.call_async("echo", JsonText{"{}"}, {.deadline = patience},
                                              [&](const Result<Reply>&) { answers.fetch_add(1); });
          if (ticket) open.fetch_add(1);
          const auto result = pool.call("echo", Json::object(), {.deadline = patience});
          going.set();
          if (code_of(result) == ErrorCode::pool_stopping) return;
          EXPECT_TRUE(result) << describe(result);
        }
      });
    }
    EXPECT_TRUE(going.wait());
    EXPECT_TRUE(pool.stop(patience));
    for (std::thread& submitter : submitters) submitter.join();
    EXPECT_TRUE(pool.stop(0ms));  // callbacks of calls refused after the first stop have run, too
    EXPECT_EQ(answers.load(), open.load());
    expect_sum(pool.status());
  }
}

}  // namespace
}  // namespace ordeal::pool
