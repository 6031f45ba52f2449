// Ends: of the pool, of calls that their callers give up, of leases.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <deque>
#include <mutex>

#include "pool/runtime/tests/support.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool {
namespace {

using ::testing::HasSubstr;

constexpr auto long_sleep = R"({"ms":60000})";
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
  for (const auto& [command, code] : troubles) {
    SCOPED_TRACE(command);
    auto lease = pool.checkout({.deadline = patience});
    ASSERT_TRUE(lease);
    const auto first = lease->call(command, Json::object(), {.deadline = 500ms});
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

TEST(Subscriptions, MayOutliveThePoolAndEndThemselvesFromTheirSink) {
  cites(48);
  Subscription outlives;
  Subscription ends_itself;
  std::atomic<int> events{0};
  std::atomic<int> after_own_end{0};
  {
    Pool pool = must_start(mock_options(1));
    outlives = pool.subscribe([&](const PoolEvent&) { events.fetch_add(1); });
    Signal assigned;
    ends_itself = pool.subscribe([&](const PoolEvent&) {
      if (!assigned.wait()) return;
      ends_itself.reset();
      after_own_end.fetch_add(1);
    });
    assigned.set();
    EXPECT_TRUE(echoes(pool));
    EXPECT_TRUE(pool.stop(patience));
    EXPECT_EQ(after_own_end.load(), 1);
    EXPECT_GE(events.load(), 3);
  }
  outlives.reset();
}

TEST(Subscriptions, DeliverNothingAfterTheirEnd) {
  Pool pool = must_start(mock_options(1));
  std::atomic<bool> alive{true};
  for (int i = 0; i < 50; ++i) {
    alive = true;
    Subscription subscription = pool.subscribe([&](const PoolEvent&) {
      EXPECT_TRUE(alive.load()) << "delivered after reset() had returned";
    });
    ASSERT_TRUE(pool.call_async("echo", JsonText{"{}"}, {}, nullptr));
    subscription.reset();
    alive = false;
  }
  expect_whole(pool);
}

TEST(Events, TellEachRequestOnceWithItsLabel) {
  cites(46);
  Pool pool = must_start(mock_options(1));
  std::mutex mutex;
  std::vector<std::string> seen;
  const Subscription subscription = pool.subscribe([&](const PoolEvent& event) {
    if (event.label != "mine") return;
    EXPECT_EQ(event.traceparent, "00-1-2-01");
    const std::lock_guard lock{mutex};
    seen.emplace_back(event.what);
  });
  EXPECT_TRUE(pool.call("echo", Json::object(), {.label = "mine", .traceparent = "00-1-2-01"}));
  EXPECT_TRUE(pool.stop(patience));
  EXPECT_EQ(seen,
            (std::vector<std::string>{"request_submitted", "request_granted", "request_resolved"}));
}

}  // namespace
}  // namespace ordeal::pool
