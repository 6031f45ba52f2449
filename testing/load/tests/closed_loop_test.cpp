// The load against targets without processes: each outcome is recorded as what it was.
#include "testing/load/closed_loop.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <set>

#include "pool/runtime/clock.hpp"
#include "testing/load/sabotage.hpp"

namespace ordeal::trial {
namespace {

using namespace std::chrono_literals;
namespace runtime = pool::runtime;

// Answers with its arguments; tells when it has answered `enough` calls.
class Echo : public LoadTarget {
 public:
  Answer call(std::string_view, std::string_view arguments, TimePoint) override {
    if (++calls >= enough) progress.notify();
    return {.outcome = Outcome::ok, .reply_text = std::string{arguments}, .worker = 1};
  }
  static constexpr std::uint64_t enough = 100;
  std::atomic<std::uint64_t> calls{0};
  runtime::WakeWord progress;
};

LoadOptions quick_options() {
  LoadOptions options{.callers = 4, .deadline = 10'000ms, .seed = 7};
  options.mix.rest_percent = 0;
  return options;
}

void wait_for_calls(Echo& echo) {
  while (true) {
    const std::uint32_t ticket = echo.progress.ticket();
    if (echo.calls >= Echo::enough) return;
    echo.progress.wait_until(pool::core::never, ticket);
  }
}

void run_to_the_end(ClosedLoop& loop, runtime::WakeWord& wake) {
  loop.ask_to_end();
  while (true) {
    const std::uint32_t ticket = wake.ticket();
    const TimePoint next = loop.sweep(time_now());
    if (loop.counts().callers_at_work == 0) return;
    wake.wait_until(runtime::to_instant(next), ticket);
  }
}

History history_of(const std::shared_ptr<LoadTarget>& target, Echo& echo, LoadOptions options) {
  runtime::WakeWord wake;
  options.on_caller_ended = [&wake] { wake.notify(); };
  ClosedLoop loop{target, options};
  wait_for_calls(echo);
  run_to_the_end(loop, wake);
  return loop.history();
}

TEST(ClosedLoop, records_every_call_with_its_own_nonce) {
  auto echo = std::make_shared<Echo>();
  const History history = history_of(echo, *echo, quick_options());
  EXPECT_EQ(history.sent, echo->calls);
  EXPECT_EQ(history.calls.size(), history.sent);
  std::set<Nonce> nonces;
  for (const CallRecord& call : history.calls) {
    EXPECT_EQ(call.outcome, Outcome::ok);
    EXPECT_TRUE(call.nonce_right());
    EXPECT_LE(call.submitted_at, call.ended_at);
    nonces.insert(call.nonce);
  }
  EXPECT_EQ(nonces.size(), history.sent);
}

TEST(ClosedLoop, swapped_replies_carry_the_wrong_nonces) {
  auto echo = std::make_shared<Echo>();
  const auto target = sabotaged(Sabotage::swap_replies, echo);
  const History history = history_of(target, *echo, quick_options());
  const auto wrong = std::count_if(history.calls.begin(), history.calls.end(),
                                   [](const CallRecord& call) { return !call.nonce_right(); });
  EXPECT_EQ(wrong, 2);
}

TEST(ClosedLoop, a_call_that_never_returns_is_lost_and_seen_from_outside) {
  auto echo = std::make_shared<Echo>();
  LoadOptions options = quick_options();
  options.deadline = 1ms;
  const auto target = sabotaged(Sabotage::lose_one, echo);
  runtime::WakeWord wake;
  ClosedLoop loop{target, options};
  wait_for_calls(*echo);
  loop.ask_to_end();
  while (true) {
    const TimePoint next = loop.sweep(time_now());
    if (loop.counts().lost > 0) break;
    // Nobody will wake us: only the sweep's own instant ends this wait.
    wake.wait_until(runtime::to_instant(next), wake.ticket());
  }
  EXPECT_GE(loop.history().count(Outcome::lost), 1u);
}

TEST(ClosedLoop, failures_keep_their_code) {
  auto echo = std::make_shared<Echo>();
  const History history = history_of(sabotaged(Sabotage::fail_all, echo), *echo, quick_options());
  EXPECT_EQ(history.count(Outcome::failed), history.sent);
  EXPECT_EQ(history.calls.front().code, "sabotaged");
}

TEST(ClosedLoop, calls_of_a_schedule_are_made_once_each_and_count_from_when_they_were_due) {
  auto echo = std::make_shared<Echo>();
  LoadOptions options = quick_options();
  // Due all at once, with one caller: all but the first wait for it.
  options.callers = 1;
  options.arrivals.assign(200, 5ms);
  runtime::WakeWord wake;
  options.on_caller_ended = [&wake] { wake.notify(); };
  ClosedLoop loop{echo, options};
  while (true) {
    const std::uint32_t ticket = wake.ticket();
    if (loop.counts().callers_at_work == 0) break;
    wake.wait_until(pool::core::never, ticket);
  }
  const History history = loop.history();
  ASSERT_EQ(history.calls.size(), 200u);
  for (const CallRecord& call : history.calls) {
    ASSERT_TRUE(call.due_at);
    EXPECT_EQ(call.wanted_at(), history.calls.front().wanted_at());
    EXPECT_GE(call.submitted_at, call.wanted_at());
  }
}

TEST(ClosedLoop, the_same_seed_draws_the_same_calls) {
  pool::core::Random one{42};
  pool::core::Random two{42};
  for (int i = 0; i < 100; ++i) {
    const DrawnCall left = draw_call({}, one);
    const DrawnCall right = draw_call({}, two);
    EXPECT_EQ(left.arguments, right.arguments);
    EXPECT_EQ(left.rest, right.rest);
  }
}

TEST(Nonce, is_found_only_whole) {
  const std::string digits = "0123456789abcdeffedcba9876543210";
  const Nonce nonce{0x0123456789abcdef, 0xfedcba9876543210};
  EXPECT_EQ(to_string(nonce), digits);
  EXPECT_EQ(find_nonce(R"({"x": 1, "nonce": ")" + digits + "\"}"), nonce);
  EXPECT_FALSE(find_nonce(R"({"nonce":"0123"})"));
  EXPECT_FALSE(find_nonce(R"({"nonce":")" + digits + "0\"}"));
  EXPECT_FALSE(find_nonce(R"({"nonce":")" + digits));
  EXPECT_FALSE(find_nonce("{}"));
}

TEST(Latency, ranks_are_nearest) {
  History history;
  for (int us = 1; us <= 1000; ++us) {
    CallRecord call;
    call.outcome = Outcome::ok;
    call.ended_at = call.submitted_at + std::chrono::microseconds{us};
    history.calls.push_back(call);
  }
  const LatencySummary latency = summarize_latency(history);
  EXPECT_EQ(latency.count, 1000u);
  EXPECT_DOUBLE_EQ(latency.p50_us, 500);
  EXPECT_DOUBLE_EQ(latency.p999_us, 999);
  EXPECT_DOUBLE_EQ(latency.max_us, 1000);
}

}  // namespace
}  // namespace ordeal::trial
