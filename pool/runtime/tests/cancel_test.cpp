// Calls that their callers give up.
#include <gtest/gtest.h>

#include "pool/runtime/tests/support.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool {
namespace {

const Json long_sleep_json{{"ms", 60'000}};

TEST(Cancel, ByStopTokenWhileQueuedHasNoOtherEffect) {
  cites(9);
  cites_bug_class(13);
  Pool pool = must_start(mock_options(1));
  Caller running{pool, "sleep", Json{{"ms", 300}}, {.deadline = patience}};
  EXPECT_TRUE(wait_until(pool, [](const Status& status) { return status.running == 1; }));
  std::stop_source source;
  Caller queued{
      pool, "echo", Json::object(), {.deadline = patience, .stop_token = source.get_token()}};
  Caller behind{pool, "echo", Json::object(), {.deadline = patience}};
  EXPECT_TRUE(wait_until(pool, [](const Status& status) { return status.queue_depth == 2; }));
  source.request_stop();
  EXPECT_EQ(code_of(queued.join()), ErrorCode::cancelled);
  EXPECT_FALSE(pool.status().ok > 0) << "it has waited for the running call";
  EXPECT_TRUE(running.join());
  EXPECT_TRUE(behind.join());
  EXPECT_EQ(pool.status().workers_lost, 0U);
  expect_whole(pool);
}

TEST(Cancel, ByStopTokenWhileRunningEndsTheCallAtOnce) {
  cites(9, 12);
  cites_bug_class(13);
  Pool pool = must_start(mock_options(1));
  for (const char* command : {"wait_cancel", "sleep"}) {
    SCOPED_TRACE(command);
    std::stop_source source;
    Caller running{
        pool, command, long_sleep_json, {.deadline = patience, .stop_token = source.get_token()}};
    EXPECT_TRUE(wait_until(pool, [](const Status& status) { return status.running == 1; }));
    source.request_stop();
    // Before the first byte it is only cancelled: the instant of the grant is not that of the
    // write.
    const ErrorCode code = code_of(running.join());
    EXPECT_TRUE(code == ErrorCode::cancelled_in_flight || code == ErrorCode::cancelled)
        << describe(running.join());
    EXPECT_LT(running.took(), 3s);
    expect_whole(pool);
  }
}

// Its caller does nothing but wait for the reply: it has to be woken.
TEST(Cancel, OfACallThatItsWorkerIsBusyWithWakesItsCaller) {
  cites(9);
  cites_bug_class(13);
  Pool pool = must_start(mock_options(2));
  std::stop_source source;
  Caller running{pool,
                 "progress",
                 Json{{"count", 10'000}, {"every_ms", 10}},
                 {.deadline = patience, .stop_token = source.get_token()}};
  ASSERT_TRUE(wait_until(pool, [&pool](const Status& status) {
    // No event of the pool tells of progress: a call on the other worker makes one.
    (void)pool.call("echo", Json::object(), {.deadline = patience});
    return std::any_of(status.workers.begin(), status.workers.end(),
                       [](const WorkerStatus& worker) { return !worker.last_progress.empty(); });
  }));
  source.request_stop();
  EXPECT_EQ(code_of(running.join()), ErrorCode::cancelled_in_flight) << describe(running.join());
  EXPECT_LT(running.took(), patience / 2) << "only its deadline has woken it";
}

// Far from its deadline it sleeps until its worker writes; somebody has to wake it.
TEST(Cancel, ACallWhoseDeadlineIsFarIsOverWhenThatHasCome) {
  cites(53);
  Pool pool = must_start(mock_options(1));
  const auto begun = std::chrono::steady_clock::now();
  const auto late = pool.call("sleep", Json{{"ms", 3000}}, {.deadline = 400ms});
  const auto took = std::chrono::steady_clock::now() - begun;
  EXPECT_EQ(code_of(late), ErrorCode::call_timeout) << describe(late);
  EXPECT_GE(took, 400ms);
  EXPECT_LT(took, 2s) << "only its worker has woken it";
  expect_whole(pool);
}

// In the instant of the reply, before it, after it: whatever it still does, it does to its own
// call.
TEST(Cancel, ThatComesWithTheReplyNeverHitsTheNextCaller) {
  cites(9);
  cites_bug_class(13);
  Pool pool = must_start(mock_options(1));
  std::atomic<std::uint64_t> begun{0};
  std::atomic<std::uint64_t> done{0};
  std::stop_source source;
  constexpr std::uint64_t rounds = 300;
  std::thread stopper{[&] {
    for (std::uint64_t round = 1; round <= rounds; ++round) {
      for (std::uint64_t seen = begun; seen < round; seen = begun) begun.wait(seen);
      for (std::uint64_t spin = 0; spin < round * 700 % 40'000 && done < round; ++spin) {
      }
      source.request_stop();
      done = round;
    }
  }};
  for (std::uint64_t round = 1; round <= rounds; ++round) {
    const CallOptions stoppable{.deadline = patience, .stop_token = source.get_token()};
    begun = round;
    begun.notify_all();
    (void)pool.call("echo", Json::object(), stoppable);
    const auto next = pool.call("echo", Json::object(), {.deadline = patience});
    EXPECT_TRUE(next) << describe(next);
    while (done < round) std::this_thread::yield();
    source = std::stop_source{};
  }
  stopper.join();
  EXPECT_EQ(pool.status().ok + pool.status().cancelled, 2 * rounds);
}

TEST(Cancel, ByATokenThatWasStoppedBeforeNeverReachesAWorker) {
  Pool pool = must_start(mock_options(1));
  std::stop_source source;
  source.request_stop();
  const CallOptions options{.deadline = patience, .stop_token = source.get_token()};
  EXPECT_EQ(code_of(pool.call("echo", Json::object(), options)), ErrorCode::cancelled);
  Signal called_back;
  ASSERT_TRUE(pool.call_async("echo", JsonText{"{}"}, options, [&](const Result<Reply>& result) {
    EXPECT_EQ(code_of(result), ErrorCode::cancelled) << describe(result);
    called_back.set();
  }));
  EXPECT_TRUE(called_back.wait());
  expect_whole(pool);
}

TEST(Cancel, ByTicketIsHarmlessBeforeDuringAfterAndWhenThePoolIsGone) {
  cites(9);
  std::vector<Ticket> tickets;
  std::atomic<int> answers{0};
  {
    Pool pool = must_start(mock_options(1));
    for (int i = 0; i < 20; ++i) {
      const auto ticket = pool.call_async("sleep", JsonText{R"({"ms":2})"}, {.deadline = patience},
                                          [&](const Result<Reply>&) { answers.fetch_add(1); });
      ASSERT_TRUE(ticket);
      tickets.push_back(*ticket);
      if (i % 2 == 0) ticket->cancel();
    }
    for (const Ticket& ticket : tickets) ticket.cancel();
    expect_whole(pool);
    EXPECT_TRUE(pool.stop(patience));
    EXPECT_EQ(answers.load(), 20);
  }
  for (const Ticket& ticket : tickets) ticket.cancel();
  Ticket{}.cancel();
}

}  // namespace
}  // namespace ordeal::pool
