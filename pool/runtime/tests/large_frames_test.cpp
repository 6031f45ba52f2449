// Frames that are larger than a pipe: both ways at once, stuck in the middle, and too large.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "ordeal/pool/session.hpp"
#include "pool/runtime/tests/support.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool {
namespace {

using ::testing::HasSubstr;

constexpr std::size_t large = 16U << 20U;

Options rude_options(std::uint32_t size) {
  Options options = script_options(size, TESTS_FOLDER "/duplex_bridge.py");
  options.frame_bytes_max = 64U << 20U;
  return options;
}

// The arguments begin with what the worker needs to know.
std::string large_arguments() {
  return R"({"bytes":)" + std::to_string(large) + R"(,"padding":")" + std::string(large, 'q') +
         "\"}";
}

TEST(LargeFrames, SixteenMebibytesBothWaysAtOnceAndOneOnStderrDoNotDeadlock) {
  cites(53);
  cites_bug_class(4);
  Pool pool = must_start(rude_options(1));
  const std::string arguments = large_arguments();
  for (const char* command : {"duplex", "reply_first"}) {
    const auto reply = pool.call(command, JsonText{arguments}, {.deadline = patience});
    ASSERT_TRUE(reply) << describe(reply);
    EXPECT_EQ(reply->result_text.size(), large + 2);
  }
  Signal called_back;
  const auto ticket = pool.call_async("duplex", JsonText{arguments}, {.deadline = patience},
                                      [&](const Result<Reply>& asynchronous) {
                                        EXPECT_TRUE(asynchronous) << describe(asynchronous);
                                        called_back.set();
                                      });
  ASSERT_TRUE(ticket);
  EXPECT_TRUE(called_back.wait());
  EXPECT_EQ(pool.status().workers_lost, 0U);
}

TEST(LargeFrames, AreEchoedExactlyByTheWorkerKit) {
  cites(15);
  Options options = mock_options(1);
  options.frame_bytes_max = 64U << 20U;
  Pool pool = must_start(options);
  const std::string text(large, 'z');
  const auto reply = pool.call("echo", Json{{"text", text}}, {.deadline = patience});
  ASSERT_TRUE(reply) << describe(reply);
  EXPECT_TRUE(reply->json()->at("text") == text);
}

TEST(LargeFrames, AWorkerThatStopsReadingInTheMiddleHoldsNobodyPastTheDeadline) {
  cites(5, 12, 53);
  cites_bug_class(4);
  Pool pool = must_start(rude_options(2));
  const std::string arguments = large_arguments();
  const auto begun = steady_clock::now();
  std::thread stuck{[&] {
    const auto result = pool.call("stop_reading", JsonText{arguments}, {.deadline = 300ms});
    EXPECT_EQ(code_of(result), ErrorCode::call_timeout) << describe(result);
    EXPECT_LT(steady_clock::now() - begun, 300ms + 500ms);
  }};
  Signal called_back;
  const auto ticket = pool.call_async(
      "stop_reading", JsonText{arguments}, {.deadline = 300ms}, [&](const Result<Reply>& result) {
        EXPECT_EQ(code_of(result), ErrorCode::call_timeout) << describe(result);
        called_back.set();
      });
  ASSERT_TRUE(ticket);
  EXPECT_TRUE(called_back.wait());
  stuck.join();
  EXPECT_TRUE(wait_until(pool, [](const Status& s) { return s.workers_lost == 2 && is_whole(s); }))
      << describe(pool.status());
}

TEST(LargeFrames, OthersProceedWhileOneIsStuckInAWrite) {
  cites(14, 53);
  cites_bug_class(4, 18);
  Pool pool = must_start(rude_options(2));
  const std::string arguments = large_arguments();
  std::thread stuck{[&] {
    const auto result = pool.call("stop_reading", JsonText{arguments}, {.deadline = 400ms});
    EXPECT_EQ(code_of(result), ErrorCode::call_timeout) << describe(result);
  }};
  EXPECT_TRUE(wait_until(pool, [](const Status& status) { return status.running == 1; }));
  for (int i = 0; i < 20; ++i) {
    const auto other = pool.call("ping", Json::object(), {.deadline = 2s});
    EXPECT_TRUE(other) << describe(other);
  }
  stuck.join();
}

TEST(LargeFrames, AWorkerKilledWhileTheHostWritesEndsTheCallAtOnce) {
  cites(4, 53);
  cites_bug_class(3, 4);
  Pool pool = must_start(rude_options(1));
  const std::string arguments = large_arguments();
  const auto begun = steady_clock::now();
  const auto result = pool.call("die", JsonText{arguments}, {.deadline = patience});
  EXPECT_LT(steady_clock::now() - begun, 3s);
  ASSERT_EQ(code_of(result), ErrorCode::worker_died) << describe(result);
  EXPECT_EQ(result.error().certainty(), Certainty::indeterminate);
  ASSERT_NE(result.error().certificate, nullptr);
  EXPECT_EQ(result.error().certificate->term_signal, SIGKILL);
  Signal called_back;
  ASSERT_TRUE(pool.call_async(
      "die", JsonText{arguments}, {.deadline = patience}, [&](const Result<Reply>& asynchronous) {
        EXPECT_EQ(code_of(asynchronous), ErrorCode::worker_died) << describe(asynchronous);
        called_back.set();
      }));
  EXPECT_TRUE(called_back.wait());
  EXPECT_TRUE(wait_until(pool, is_whole));
}

// The counterpart: what its worker has never read did not happen, and goes to another.
TEST(LargeFrames, ARequestThatADeadWorkerNeverReadIsTakenBack) {
  cites(4, 53);
  cites_bug_class(3);
  Pool pool = must_start(mock_options(1));
  auto lease = pool.checkout({.deadline = patience});
  ASSERT_TRUE(lease);
  ASSERT_TRUE(lease->call("stop_reading", Json{{"ms", 60'000}}, {.deadline = patience}));
  lease->release();
  Caller caller{pool, "echo", Json{{"x", 1}}, {.deadline = patience}};
  EXPECT_TRUE(wait_until(pool, [](const Status& status) { return status.running == 1; }));
  caller.await_sleep();
  kill(pool.status().workers.at(0).pid, SIGKILL);
  EXPECT_TRUE(caller.join()) << describe(caller.join());
  EXPECT_EQ(pool.status().workers_lost, 1U);
}

TEST(LargeFrames, ARequestAboveTheCapNamesBothNumbersAndCostsNoWorker) {
  cites(16);
  cites_bug_class(14);
  Options options = mock_options(1);
  options.frame_bytes_max = 1U << 20U;
  Pool pool = must_start(options);
  const auto refused = pool.call("echo", Json{{"text", std::string(1U << 20U, 'x')}}, {});
  ASSERT_EQ(code_of(refused), ErrorCode::request_too_large) << describe(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("1048576"));
  EXPECT_THAT(refused.error().message, ::testing::ContainsRegex("10486[0-9][0-9]|10487[0-9][0-9]|"
                                                                "10488[0-9][0-9]"));
  EXPECT_TRUE(echoes(pool));
  EXPECT_EQ(pool.status().workers_lost, 0U);
  EXPECT_EQ(pool.status().submitted, 1U);
}

// What the pool adds, the session, counts: in the arguments as in the context.
class LargeFramesOfASession : public ::testing::TestWithParam<const char*> {};

TEST_P(LargeFramesOfASession, AreSentOrRefusedAtEachSizeAroundTheCap) {
  cites(16);
  Options options = mock_options(1, {"--protocol", GetParam()});
  options.frame_bytes_max = 4096;
  Pool pool = must_start(options);
  Session session = pool.session(std::string(200, '"'));
  std::size_t sent = 0;
  std::size_t refused = 0;
  for (std::size_t bytes = 3000; bytes < 4096; bytes += 7) {
    const auto reply = session.call("echo", Json{{"text", std::string(bytes, 'x')}});
    const Json wanted = GetParam() == std::string_view{"none"} ? Json(session.id()) : Json();
    // What the worker adds to it may be too much, too: then it says so.
    (reply || code_of(reply) == ErrorCode::application_error ? sent : refused) += 1;
    if (reply) {
      EXPECT_EQ(reply->json()->value("session_id", Json()), wanted);
      EXPECT_EQ(refused, 0U);
    } else if (code_of(reply) != ErrorCode::application_error) {
      ASSERT_EQ(code_of(reply), ErrorCode::request_too_large) << describe(reply);
    }
  }
  EXPECT_GT(sent, 10U);
  EXPECT_GT(refused, 10U);
  EXPECT_EQ(pool.status().workers_lost, 0U);
}

INSTANTIATE_TEST_SUITE_P(All, LargeFramesOfASession, ::testing::Values("none", "1"));

TEST(LargeFrames, AReplyAboveTheCapIsRefusedBeforeItIsRead) {
  cites(14);
  cites_bug_class(14);
  Options options = mock_options(1);
  options.frame_bytes_max = 1U << 20U;
  Pool pool = must_start(options);
  const auto reply = pool.call("big_reply", Json{{"bytes", 2U << 20U}}, {.deadline = patience});
  ASSERT_EQ(code_of(reply), ErrorCode::reply_too_large) << describe(reply);
  EXPECT_THAT(reply.error().message, HasSubstr("exceeds frame_bytes_max 1048576"));
  expect_whole(pool);
}

}  // namespace
}  // namespace ordeal::pool
