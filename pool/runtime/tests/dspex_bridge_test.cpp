// An unmodified bridge in DSPex's manner works, its bad habits included.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "pool/runtime/tests/support.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool {
namespace {

Options dspex_options(std::uint32_t size) {
  return script_options(size, TESTS_FOLDER "/dspex_bridge.py",
                        {"--mode", "pool-worker", "--worker-id", "{worker_id}"});
}

TEST(DspexBridge, AnswersPingCallsAndErrors) {
  cites(11, 17);
  Pool pool = must_start(dspex_options(2));
  EXPECT_TRUE(pool.call("ping", Json::object(), {}));
  EXPECT_TRUE(echoes(pool));
  const auto error = pool.call("fly", Json::object(), {});
  ASSERT_EQ(code_of(error), ErrorCode::application_error) << describe(error);
  ASSERT_NE(error.error().application, nullptr);
  EXPECT_EQ(error.error().application->message, "Unknown command: fly");
  EXPECT_EQ(error.error().application->type, "");
  expect_whole(pool);
  EXPECT_EQ(pool.status().workers_lost, 0U);
}

TEST(DspexBridge, ItsLateReplyReachesNobody) {
  cites(11, 12);
  cites_bug_class(2);
  Pool pool = must_start(dspex_options(1));
  EXPECT_EQ(code_of(pool.call("wait", Json{{"ms", 100}}, {.deadline = 40ms})),
            ErrorCode::call_timeout);
  EXPECT_TRUE(echoes(pool, {.deadline = patience}));
  EXPECT_EQ(pool.status().late_replies_drained, 1U);
  EXPECT_EQ(code_of(pool.call("wait", Json{{"ms", 60'000}}, {.deadline = 40ms})),
            ErrorCode::call_timeout);
  EXPECT_TRUE(echoes(pool, {.deadline = patience}));
  EXPECT_EQ(pool.status().workers_lost, 1U);
  expect_whole(pool);
}

TEST(DspexBridge, IsReplacedWhenItIsKilled) {
  cites(4, 53);
  cites_bug_class(3);
  Pool pool = must_start(dspex_options(1));
  const auto killed = pool.call("die", Json::object(), {.deadline = patience});
  ASSERT_EQ(code_of(killed), ErrorCode::worker_died) << describe(killed);
  ASSERT_NE(killed.error().certificate, nullptr);
  EXPECT_EQ(killed.error().certificate->term_signal, SIGKILL);
  expect_whole(pool);
}

TEST(DspexBridge, WhichNeverLeavesByItselfIsStoppedWithinTheGraces) {
  cites(10);
  cites_bug_class(11);
  Options options = dspex_options(2);
  options.ask_grace = 100ms;
  options.terminate_grace = 2s;  // SIGTERM is enough: this is not waited for
  Pool pool = must_start(options);
  const auto begun = steady_clock::now();
  EXPECT_TRUE(pool.stop(patience));
  const auto took = steady_clock::now() - begun;
  EXPECT_GE(took, 100ms) << "it has left by itself: then this test tests nothing";
  EXPECT_LT(took, 1500ms);
}

}  // namespace
}  // namespace ordeal::pool
