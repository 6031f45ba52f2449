// The three ways to call in a session: blocking, asynchronous, on a lease. They mean the same, and
// leave the same in the store.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <csignal>
#include <filesystem>
#include <mutex>

#include "pool/runtime/tests/session_support.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool {
namespace {

using ::testing::HasSubstr;

// The outcome of one asynchronous call, awaited, and how often it was told.
class Heard {
 public:
  [[nodiscard]] Pool::Callback callback() {
    return [this](Result<Reply> result) {
      times_ += 1;
      result_ = std::move(result);
      told_.set();
    };
  }
  [[nodiscard]] const Result<Reply>& get() {
    EXPECT_TRUE(told_.wait()) << "no callback";
    return result_;
  }
  [[nodiscard]] int times() const { return times_; }
  [[nodiscard]] bool is_told() const { return told_.is_set(); }

 private:
  std::atomic<int> times_{0};
  Result<Reply> result_{tl::unexpect, make_error(ErrorCode::none, "not yet")};
  Signal told_;
};

enum class Way : std::uint8_t {
  blocking,
  asynchronous,
  lease
};

Result<Reply> call_by(Way way, Pool& pool, const std::string& session, std::string_view command,
                      const Json& arguments, const CallOptions& options = {}) {
  Session handle = pool.session(session);
  const std::string text = arguments.dump();
  switch (way) {
    case Way::blocking:
      return handle.call(command, JsonText{text}, options);
    case Way::asynchronous: {
      Heard heard;
      auto ticket = handle.call_async(command, JsonText{text}, options, heard.callback());
      if (!ticket) return tl::unexpected(ticket.error());
      return heard.get();
    }
    case Way::lease:
      break;
  }
  auto lease = handle.checkout({.deadline = patience});
  if (!lease) return tl::unexpected(lease.error());
  return lease->call(command, JsonText{text}, options);
}

class SessionWays : public ::testing::TestWithParam<Way> {
 protected:
  Result<Reply> call(Pool& pool, std::string_view command, const Json& arguments,
                     const CallOptions& options = {}) {
    return call_by(GetParam(), pool, "s", command, arguments, options);
  }
};

TEST_P(SessionWays, AProgramIsMadeRunCountedListedAndForgotten) {
  cites(45, 54);
  Pool pool = must_start(session_options(2));
  const auto created = call(pool, "create_program", program_named("p", "answer"));
  ASSERT_TRUE(created) << describe(created);
  for (int n = 0; n < 3; ++n) {
    const auto reply = call(pool, "execute_program", run_of("p", "why?"));
    ASSERT_TRUE(reply) << describe(reply);
    EXPECT_EQ(reply->json()->at("outputs"), outputs_of("answer", "why?"));
  }
  const auto info = call(pool, "get_program_info", Json{{"program_id", "p"}});
  ASSERT_TRUE(info) << describe(info);
  EXPECT_EQ(info->worker, 0U) << "the host's answer";
  EXPECT_EQ(info->json()->at("execution_count"), 3);
  EXPECT_EQ(call(pool, "list_programs", Json::object())->json()->at("total_count"), 1);
  EXPECT_EQ(pool.session("s").info()->operations, 6U);
  ASSERT_TRUE(call(pool, "delete_program", Json{{"program_id", "p"}}));
  const auto gone = call(pool, "execute_program", run_of("p", "why?"), {.label = "mine"});
  ASSERT_EQ(code_of(gone), ErrorCode::application_error);
  EXPECT_EQ(gone.error().application->type, "ProgramNotFound");
  EXPECT_EQ(gone.error().label, "mine");
  EXPECT_EQ(pool.session("s").info()->operations, 7U) << "what failed does not count";
  expect_whole(pool);
}

TEST_P(SessionWays, ADuplicateIsRefusedAndADeletedProgramMadeAgain) {
  for (const Options& options : {session_options(1), plain_session_options(1)}) {
    Pool pool = must_start(options);  // the one worker has the old program, surely
    ASSERT_TRUE(call(pool, "create_program", program_named("p", "old")));
    const auto again = call(pool, "create_program", program_named("p", "new"));
    ASSERT_EQ(code_of(again), ErrorCode::application_error);
    EXPECT_EQ(again.error().application->type, "ProgramExists");
    for (int round = 0; round < 3; ++round) {
      const std::string output = "round_" + std::to_string(round);
      ASSERT_TRUE(call(pool, "delete_program", Json{{"program_id", "p"}}));
      const auto created = call(pool, "create_program", program_named("p", output));
      ASSERT_TRUE(created) << describe(created);
      const auto reply = call(pool, "execute_program", run_of("p", "why?"));
      ASSERT_TRUE(reply) << describe(reply);
      EXPECT_EQ(reply->json()->at("outputs"), outputs_of(output, "why?"));
    }
    EXPECT_EQ(pool.status().workers_lost, 0U);
    expect_whole(pool);
  }
}

TEST_P(SessionWays, ACallThatNamesAnotherSessionIsRefusedAndWrongArgumentsToo) {
  Pool pool = must_start(session_options(1));
  const auto named = call(pool, "echo", Json{{"session_id", "else"}}, {.label = "mine"});
  EXPECT_EQ(code_of(named), ErrorCode::invalid_session);
  EXPECT_THAT(named.error().message, HasSubstr("names the session \"else\""));
  EXPECT_EQ(named.error().label, "mine");
  EXPECT_EQ(code_of(call(pool, "echo", Json::object(), {.session = "else"})),
            ErrorCode::invalid_session);
  EXPECT_EQ(code_of(call(pool, "echo", Json::array(), {.label = "mine"})),
            ErrorCode::invalid_arguments);
  EXPECT_EQ(code_of(call_by(GetParam(), pool, "", "echo", Json::object())),
            ErrorCode::invalid_session);
  EXPECT_EQ(pool.session("s").info().error().code, ErrorCode::session_not_found)
      << "nothing was made";
  const auto echo = call(pool, "echo", Json{{"x", 1}});
  ASSERT_TRUE(echo) << describe(echo);
  EXPECT_EQ(*echo->json(), Json({{"x", 1}}));
}

TEST_P(SessionWays, AWorkerHearsOfTheSessionInItsContextIfItLooksThereElseInItsArguments) {
  cites(15);
  Pool pool = must_start(session_options(1));
  const auto told = call(pool, "context", Json::object());
  ASSERT_TRUE(told) << describe(told);
  EXPECT_EQ(told->json()->at("session"), "s");
  Options of_the_kit = script_options(1, TESTS_FOLDER "/retry_bridge.py");
  of_the_kit.environment["PYTHON_MOCK"] = PYTHON_MOCK;
  for (const Options& options : {plain_session_options(1), of_the_kit}) {
    Pool other = must_start(options);
    for (const char* arguments : {R"({"x":1})", R"({"x":1,"session_id":"s"})"}) {
      const auto echo = call(other, "echo", Json::parse(arguments));
      ASSERT_TRUE(echo) << describe(echo);
      EXPECT_EQ(*echo->json(), Json({{"x", 1}, {"session_id", "s"}}));
    }
  }
}

TEST_P(SessionWays, AnExpiredSessionIsSaidOnce) {
  cites(27);
  Options options = session_options(1);
  options.session_ttl = 50ms;
  Pool pool = must_start(options);
  ASSERT_TRUE(call(pool, "echo", Json::object()));
  ASSERT_TRUE(pool.call("late_reply", Json{{"ms", 60}}, {}));  // real time, and no sleep
  EXPECT_EQ(code_of(call(pool, "echo", Json::object())), ErrorCode::session_expired);
  EXPECT_TRUE(call(pool, "echo", Json::object())) << "a new one, on demand";
}

TEST_P(SessionWays, StateThatAnotherWorkerHeldIsToldAsLost) {
  cites(26);
  Options options = session_options(2);
  options.affinity = AffinityPolicy::strict;
  Pool pool = must_start(options);
  const auto first = call(pool, "pid", Json::object());
  ASSERT_TRUE(first) << describe(first);
  const auto same = call(pool, "pid", Json::object(), {.state_in_worker = first->worker});
  ASSERT_TRUE(same) << describe(same);
  EXPECT_EQ(same->worker, first->worker);
  kill(first->json()->at("pid").get<int>(), SIGKILL);
  ASSERT_TRUE(wait_until(pool, [](const Status& s) { return s.workers_lost == 1; }));
  const auto lost = call(pool, "echo", Json::object(), {.state_in_worker = first->worker});
  ASSERT_EQ(code_of(lost), ErrorCode::session_state_lost) << describe(lost);
  EXPECT_EQ(lost.error().state_lost->worker_before, first->worker);
  EXPECT_EQ(lost.error().attempts, 0U) << "nothing was sent";
  // The next call binds it anew, once.
  const auto bound = call(pool, "echo", Json::object());
  ASSERT_TRUE(bound) << describe(bound);
  const auto stays = call(pool, "echo", Json::object());
  ASSERT_TRUE(stays) << describe(stays);
  EXPECT_EQ(stays->worker, bound->worker);
  EXPECT_EQ(pool.status().affinity.rebinds, 1U);
}

INSTANTIATE_TEST_SUITE_P(All, SessionWays,
                         ::testing::Values(Way::blocking, Way::asynchronous, Way::lease));

TEST(SessionLease, HoldsTheSessionsWorkerAndServesNoOtherSession) {
  Options options = session_options(2);
  options.affinity = AffinityPolicy::strict;
  Pool pool = must_start(options);
  Session session = pool.session("s");
  const auto bound = session.call("echo", Json::object(), {});
  ASSERT_TRUE(bound) << describe(bound);
  for (int n = 0; n < 4; ++n) {
    auto lease = session.checkout();
    ASSERT_TRUE(lease) << lease.error().message;
    EXPECT_EQ(lease->worker(), bound->worker);
    EXPECT_EQ(code_of(lease->call("echo", Json::object(), {.session = "t"})),
              ErrorCode::invalid_session);
  }
  auto any = pool.checkout();
  ASSERT_TRUE(any);
  EXPECT_TRUE(any->call("echo", Json::object(), {.session = "t"})) << "each call says its own";
  EXPECT_TRUE(any->call("echo", Json::object(), {}));
  EXPECT_EQ(pool.session("t").info()->operations, 1U);
  EXPECT_EQ(session.info()->operations, 1U);
}

TEST(SessionAsync, EachIsToldOnceOverManyDeathsAndWhatIsToldIsStored) {
  cites(45, 54);
  Pool pool = must_start(session_options(2));
  ASSERT_TRUE(pool.session("s").call("create_program", program_named("p", "answer"), {}));
  constexpr int calls = 120;
  std::atomic<int> told{0};
  std::atomic<int> succeeded{0};
  std::atomic<int> wrong{0};
  Signal all;
  const auto submit = [&](int n) {
    const std::string question = "question " + std::to_string(n);
    const auto ticket = pool.call_async(
        "execute_program", JsonText{run_of("p", question).dump()}, {.session = "s"},
        [&, question](const Result<Reply>& reply) {
          succeeded += reply.has_value();
          wrong += reply ? reply->json()->at("outputs") != outputs_of("answer", question)
                         : reply.error().code != ErrorCode::worker_died;
          if (++told == calls) all.set();
        });
    EXPECT_TRUE(ticket) << ticket.error().message;
  };
  for (int n = 0; n < calls; ++n) {
    submit(n);
    if (n % 40 == 20) {
      if (auto lease = pool.checkout()) {
        const auto pid = lease->call("pid", Json::object(), {});
        if (pid) kill(pid->json()->at("pid").get<int>(), SIGKILL);
      }
    }
  }
  ASSERT_TRUE(all.wait());
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(succeeded, calls / 2);
  EXPECT_EQ(pool.session("s").info()->operations, 1U + static_cast<std::uint64_t>(succeeded));
  ASSERT_TRUE(pool.stop(patience));
  EXPECT_EQ(told, calls) << "none twice";
}

TEST(SessionAsync, IsToldOnceAlsoOnStopAndIsRefusedAfterIt) {
  cites(12);
  constexpr int calls = 30;
  std::atomic<int> told{0};
  std::atomic<int> odd{0};
  const auto hear = [&](const Result<Reply>& reply) {
    told += 1;
    odd += !reply && reply.error().code != ErrorCode::pool_stopping &&
           reply.error().code != ErrorCode::stopped_in_flight;
  };
  {
    Pool pool = must_start(session_options(1));
    Session session = pool.session("s");
    for (int n = 0; n < calls; ++n) {
      EXPECT_TRUE(session.call_async(n % 7 == 3 ? "list_programs" : "sleep",
                                     JsonText{R"({"ms": 5})"}, {}, hear));
    }
    ASSERT_TRUE(pool.stop(0ms));
    EXPECT_EQ(told, calls) << "stop has waited for all";
    Heard late;
    ASSERT_TRUE(session.call_async("echo", JsonText{"{}"}, {}, late.callback()));
    EXPECT_EQ(code_of(late.get()), ErrorCode::pool_stopping);
    ASSERT_TRUE(session.call_async("echo", JsonText{"{}"}, {}, hear));  // the destructor waits
  }
  EXPECT_EQ(told, calls + 1);
  EXPECT_EQ(odd, 0);
}

// A session store in a file, and another connection that locks it.
class LockedFile : public ::testing::Test {
 protected:
  LockedFile() {
    std::string folder = "/tmp/ordeal-ways-XXXXXX";
    EXPECT_NE(mkdtemp(folder.data()), nullptr);
    folder_ = folder;
    options_ = session_options(2);
    options_.session_store = "sqlite:" + path();
  }
  ~LockedFile() override {
    sqlite3_close(other_);
    std::filesystem::remove_all(folder_);
  }
  [[nodiscard]] std::string path() const { return folder_ + "/sessions.db"; }
  void lock() {
    ASSERT_EQ(sqlite3_open(path().c_str(), &other_), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(other_, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  }
  void unlock() { ASSERT_EQ(sqlite3_exec(other_, "COMMIT", nullptr, nullptr, nullptr), SQLITE_OK); }
  Options options_;

 private:
  std::string folder_;
  sqlite3* other_ = nullptr;
};

TEST_F(LockedFile, DelaysNoCallerOfCallAsyncNorAnybodyElse) {
  cites(54);
  Pool pool = must_start(options_);
  ASSERT_TRUE(pool.session("s").update([](Json& data) { data["n"] = 1; }));
  lock();
  Heard heard;
  ASSERT_TRUE(pool.session("s").call_async("echo", JsonText{"{}"}, {}, heard.callback()));
  // The pool's other calls, and its callback thread, go on meanwhile.
  Heard other;
  ASSERT_TRUE(pool.call_async("echo", JsonText{"{}"}, {}, other.callback()));
  EXPECT_TRUE(other.get());
  EXPECT_TRUE(echoes(pool));
  EXPECT_FALSE(heard.is_told());
  unlock();
  EXPECT_TRUE(heard.get()) << describe(heard.get());
  EXPECT_EQ(pool.session("s").info()->operations, 1U);
}

TEST_F(LockedFile, HoldsUpAStopUntilWhoWaitsForItHasHisAnswer) {
  cites(12);
  Pool pool = must_start(options_);
  ASSERT_TRUE(pool.session("s").update([](Json& data) { data["n"] = 1; }));
  lock();
  Heard heard;
  ASSERT_TRUE(
      pool.session("s").call_async("echo", JsonText{"{}"}, {.deadline = 200ms}, heard.callback()));
  ASSERT_TRUE(pool.stop(0ms));
  EXPECT_TRUE(heard.is_told());
}

TEST_F(LockedFile, IsWaitedForUntilTheDeadlineAndNothingIsLost) {
  cites(54);
  Pool pool = must_start(options_);
  Session session = pool.session("s");
  ASSERT_TRUE(session.update([](Json& data) { data["n"] = 1; }));
  ASSERT_TRUE(session.call("echo", Json::object(), {}));
  lock();
  const auto update = session.update([](Json& data) { data["n"] = 2; }, 20ms);
  ASSERT_FALSE(update);
  EXPECT_EQ(update.error().code, ErrorCode::store_timeout);
  EXPECT_EQ(update.error().message,
            "session store \"" + path() + "\": in others' hands until the deadline");
  EXPECT_EQ(session.data(20ms).error().code, ErrorCode::store_timeout);
  EXPECT_EQ(session.info(20ms).error().code, ErrorCode::store_timeout);
  EXPECT_EQ(session.remove(20ms).error().code, ErrorCode::store_timeout);
  for (const Way way : {Way::blocking, Way::asynchronous, Way::lease}) {
    const auto call = call_by(way, pool, "s", "echo", Json::object(), {.deadline = 20ms});
    EXPECT_EQ(code_of(call), ErrorCode::store_timeout) << describe(call);
    EXPECT_EQ(call.error().certainty(), Certainty::failed);
  }
  unlock();
  EXPECT_EQ(*session.data(), Json({{"n", 1}}));
  EXPECT_EQ(session.info()->operations, 1U);
  EXPECT_TRUE(session.update([](Json& data) { data["n"] = 2; }, 0ms)) << "free: taken at once";
  expect_whole(pool);
}

TEST_F(LockedFile, AnAsynchronousCallCanBeGivenUpWhileItsStoreIsAsked) {
  Pool pool = must_start(options_);
  ASSERT_TRUE(pool.session("s").update([](Json& data) { data["n"] = 1; }));
  lock();
  Heard heard;
  std::stop_source source;
  Heard by_token;
  const auto ticket = pool.session("s").call_async("echo", JsonText{"{}"}, {}, heard.callback());
  ASSERT_TRUE(ticket);
  ASSERT_TRUE(pool.session("s").call_async(
      "echo", JsonText{"{}"}, {.stop_token = source.get_token()}, by_token.callback()));
  EXPECT_EQ(ticket->id(), 0U);
  ticket->cancel();
  source.request_stop();
  unlock();
  EXPECT_EQ(code_of(heard.get()), ErrorCode::cancelled);
  EXPECT_EQ(code_of(by_token.get()), ErrorCode::cancelled);
  EXPECT_EQ(pool.session("s").info()->operations, 0U);
  ASSERT_TRUE(pool.stop(patience));
  EXPECT_EQ(heard.times() + by_token.times(), 2);
}

TEST(SessionAsync, IsCancelledInAWorkersHands) {
  cites(11);
  Pool pool = must_start(session_options(1));
  Signal running;
  const Subscription watch = pool.subscribe([&](const PoolEvent& event) {
    if (event.what == "request_granted") running.set();
  });
  Heard heard;
  const auto ticket = pool.session("s").call_async("hang", JsonText{"{}"}, {}, heard.callback());
  ASSERT_TRUE(ticket);
  ASSERT_TRUE(running.wait());
  // Its number may not have got into the ticket yet: that comes behind the grant, without an event.
  ticket->cancel();
  const ErrorCode code = code_of(heard.get());
  EXPECT_TRUE(code == ErrorCode::cancelled_in_flight || code == ErrorCode::cancelled);
  expect_whole(pool);
}

}  // namespace
}  // namespace ordeal::pool
