// Settings that reach every worker: those that live, those that come later, and no other place.
#include <gmock/gmock.h>

#include <csignal>

#include "pool/runtime/tests/session_support.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool {
namespace {

constexpr const char* key = "AIza-nobody-may-see-this";
const Json settings{{"model", "gemini-1.5-flash"}, {"api_key", key}};

Json stateless(const std::string& question) {
  Json call = run_of("p", question);
  call["program_data"] = {{"signature", program_named("p", "answer")["signature"]}};
  return call;
}

// The answers of all workers, each asked by itself; what went wrong instead, where it did.
std::vector<std::string> ask_each(Pool& pool) {
  std::vector<Lease> leases;
  std::vector<std::string> answers;
  const std::uint32_t size = pool.status().size;
  for (std::uint32_t i = 0; i < size; ++i) {
    auto lease = pool.checkout();
    if (!lease) return {lease.error().message};
    const auto reply = lease->call("execute_program", stateless("why?"), {});
    answers.push_back(reply ? reply->json()->at("outputs").dump() : reply.error().message);
    leases.push_back(std::move(*lease));
  }
  return answers;
}

bool is_settled(const Status& status) {
  return is_whole(status) && status.workers.size() == status.size;
}

const std::string right = R"({"answer":"mock_response_answer_1430033101"})";

TEST(Configure, EveryWorkerIsToldThoseToComeToo) {
  Pool pool = must_start(mock_options(3));
  EXPECT_THAT(ask_each(pool), ::testing::Each(::testing::HasSubstr("No LM is loaded")));
  const auto configured = pool.call("configure_lm", settings, {});
  ASSERT_TRUE(configured) << describe(configured);
  EXPECT_EQ(configured->json()->at("status"), "configured") << "the worker's own answer";
  EXPECT_EQ(ask_each(pool), std::vector<std::string>(3, right));

  // Those that were replaced may still be on their way out.
  ASSERT_TRUE(wait_until(pool, is_settled));
  kill(pool.status().workers.front().pid, SIGKILL);
  ASSERT_TRUE(wait_until(pool, [](const Status& s) { return s.workers_lost == 1 && is_whole(s); }));
  EXPECT_EQ(ask_each(pool), std::vector<std::string>(3, right));
  ASSERT_TRUE(pool.resize(5, patience));
  EXPECT_EQ(ask_each(pool), std::vector<std::string>(5, right));
  ASSERT_TRUE(pool.roll({}, patience)) << "the same program, and so the same settings";
  EXPECT_EQ(ask_each(pool), std::vector<std::string>(5, right));
  expect_whole(pool);
}

TEST(Configure, InASessionItMeansTheSame) {
  Pool pool = must_start(mock_options(2));
  Session session = pool.session("s");
  ASSERT_TRUE(session.call("create_program", program_named("p", "answer"), {}));
  const auto configured = session.call("configure_lm", settings, {});
  ASSERT_TRUE(configured) << describe(configured);
  for (int n = 0; n < 4; ++n) {
    const auto reply = session.call("execute_program", run_of("p", "why?"), {});
    ASSERT_TRUE(reply) << describe(reply);
  }
  EXPECT_EQ(session.info()->operations, 6U);
}

TEST(Configure, NobodyWaitsForItAsynchronously) {
  Pool pool = must_start(mock_options(2));
  Signal done;
  const std::string text = settings.dump();
  ASSERT_TRUE(pool.call_async("configure_lm", JsonText{text}, {}, [&](const Result<Reply>& reply) {
    EXPECT_TRUE(reply) << describe(reply);
    done.set();
  }));
  ASSERT_TRUE(done.wait());
  ASSERT_TRUE(wait_until(pool, [](const Status& s) { return s.generation == 2 && is_whole(s); }));
  EXPECT_EQ(ask_each(pool), std::vector<std::string>(2, right));
}

TEST(Configure, WhatAWorkerRefusesChangesNothing) {
  Pool pool = must_start(mock_options(2));
  ASSERT_TRUE(pool.call("configure_lm", settings, {}));
  ASSERT_TRUE(wait_until(pool, is_settled));
  const auto before = serials(pool.status());
  const auto refused = pool.call("configure_lm", Json{{"model", "another"}, {"api_key", key}}, {});
  ASSERT_EQ(code_of(refused), ErrorCode::application_error) << describe(refused);
  EXPECT_EQ(refused.error().application->type, "UnsupportedModel");
  EXPECT_EQ(serials(pool.status()), before);
  EXPECT_EQ(ask_each(pool), std::vector<std::string>(2, right)) << "by the settings before";
}

TEST(Configure, AStartCallThatIsNotTakenTakesTheRollBack) {
  cites(53);
  Pool pool = must_start(mock_options(2));
  WorkerProgram program;
  program.start_calls =
      std::vector<StartCall>{{"configure_lm", R"({"model": "another", "api_key": "K"})"}};
  const auto rolled = pool.roll(program, patience);
  ASSERT_FALSE(rolled);
  EXPECT_EQ(rolled.error().code, ErrorCode::roll_failed);
  EXPECT_THAT(
      rolled.error().message,
      ::testing::HasSubstr("did not take its start-up call configure_lm: Unsupported model"));
  expect_whole(pool);

  program.start_calls = std::vector<StartCall>{{"crash", R"({"exit_code": 3})"}};
  EXPECT_EQ(pool.roll(program, patience).error().code, ErrorCode::roll_failed);
  program.start_calls = std::vector<StartCall>{{"pid", "{}"}, {"configure_lm", settings.dump()}};
  ASSERT_TRUE(pool.roll(program, patience)) << "several, one after the other";
  EXPECT_EQ(ask_each(pool), std::vector<std::string>(2, right));
  expect_whole(pool);
}

TEST(Configure, TheKeyIsToldToWorkersAlone) {
  std::string told;
  Options options = mock_options(2);
  options.log_payloads = true;
  auto pool = Pool::start(recorded(options), {[&](const PoolEvent& event) {
                            told += event.arguments + event.answer + std::string{event.what};
                          }});
  ASSERT_TRUE(pool);
  ASSERT_TRUE(pool->call("configure_lm", settings, {}));
  ASSERT_TRUE(pool->call("echo", Json{{"say", "hello"}}, {}));
  EXPECT_EQ(to_toml(pool->options()).find(key), std::string::npos);
  ASSERT_TRUE(pool->stop(0ms));
  EXPECT_THAT(told, ::testing::HasSubstr("hello"));
  EXPECT_THAT(told, ::testing::Not(::testing::HasSubstr(key)));
}

}  // namespace
}  // namespace ordeal::pool
