// Sessions over real workers: programs made in one call and run in later ones by any worker.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "pool/runtime/tests/session_support.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool {
namespace {

int pid_of(Lease& lease) {
  const auto reply = lease.call("pid", Json::object(), {});
  return reply ? reply->json()->at("pid").get<int>() : -1;
}

TEST(Session, AProgramOutlivesTheWorkerThatMadeIt) {
  cites(54);
  Pool pool = must_start(session_options(1));
  Session session = pool.session("s");
  const auto created = session.call("create_program", program_named("p", "answer"), {});
  ASSERT_TRUE(created) << describe(created);
  EXPECT_EQ(created->json()->at("status"), "created");
  {
    auto lease = pool.checkout();
    ASSERT_TRUE(lease);
    kill(pid_of(*lease), SIGKILL);
  }
  ASSERT_TRUE(wait_until(pool, [](const Status& s) { return s.workers_lost == 1; }));
  const auto reply = session.call("execute_program", run_of("p", "why?"), {});
  ASSERT_TRUE(reply) << describe(reply);
  EXPECT_NE(reply->worker, created->worker);
  EXPECT_EQ(reply->json()->at("outputs"), outputs_of("answer", "why?"));
  EXPECT_EQ(reply->json()->at("outputs")["answer"], "mock_response_answer_1430033101")
      << "the README's own example";
  EXPECT_EQ(session.info()->operations, 2U);
  expect_whole(pool);
}

TEST(Session, GoesOnOverManyDeathsUnderLoad) {
  cites(45, 54);
  Pool pool = must_start(session_options(2));
  ASSERT_TRUE(pool.session("s").call("create_program", program_named("p", "answer"), {}));
  constexpr std::uint64_t callers = 3;
  std::atomic<std::uint64_t> succeeded{0};
  std::atomic<std::uint64_t> wrong{0};
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (std::uint64_t caller = 0; caller < callers; ++caller) {
    threads.emplace_back([&, caller] {
      Session session = pool.session("s");
      for (int n = 0; !stop; ++n) {
        const std::string question = std::to_string(caller) + " asks " + std::to_string(n);
        const auto reply = session.call("execute_program", run_of("p", question), {});
        if (reply) {
          succeeded += 1;
          wrong += reply->json()->at("outputs") != outputs_of("answer", question);
        } else {
          // Only what a killed worker had in its hands may fail.
          wrong += reply.error().code != ErrorCode::worker_died;
        }
      }
    });
  }
  for (std::uint64_t kills = 1; kills <= 5; ++kills) {
    if (auto lease = pool.checkout()) kill(pid_of(*lease), SIGKILL);
    EXPECT_TRUE(wait_until(pool, [&](const Status& s) { return s.workers_lost >= kills; }));
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0U);
  EXPECT_GT(succeeded, 5U);
  const auto info = pool.session("s").info();
  ASSERT_TRUE(info);
  EXPECT_EQ(info->operations, 1 + succeeded) << "each completed operation, once";
  expect_whole(pool);
}

TEST(Session, TwentyAtOnceDoNotSeeEachOther) {
  Pool pool = must_start(session_options(2));
  constexpr int sessions = 20;
  std::vector<std::thread> threads;
  for (int i = 0; i < sessions; ++i) {
    threads.emplace_back([&, i] {
      Session session = pool.session("session " + std::to_string(i));
      const std::string output = "answer_" + std::to_string(i);
      const auto created = session.call("create_program", program_named("p", output), {});
      EXPECT_TRUE(created) << describe(created);
      for (int n = 0; n < 5; ++n) {
        EXPECT_TRUE(session.update([&](Json& data) { data["n"] = i * 100 + n; }));
        const auto reply = session.call("execute_program", run_of("p", "why?"), {});
        ASSERT_TRUE(reply) << describe(reply);
        EXPECT_EQ(reply->json()->at("outputs"), outputs_of(output, "why?"));
      }
      EXPECT_EQ(session.data()->at("n"), i * 100 + 4);
      EXPECT_EQ(session.info()->operations, 6U);
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto nobody = pool.session("another").call("execute_program", run_of("p", "why?"), {});
  EXPECT_EQ(code_of(nobody), ErrorCode::application_error);
  EXPECT_EQ(nobody.error().application->type, "ProgramNotFound");
}

TEST(Session, ListsDescribesAndDeletesByTheHostsRecords) {
  Pool pool = must_start(session_options(2));
  Session session = pool.session("s");
  EXPECT_EQ(session.call("list_programs", Json::object(), {})->json()->at("total_count"), 0);
  ASSERT_TRUE(session.call("create_program", program_named("b", "x"), {}));
  ASSERT_TRUE(session.call("create_program", program_named("a", "y"), {}));
  ASSERT_TRUE(session.call("execute_program", run_of("a", "why?"), {}));
  const Json listed = *session.call("list_programs", Json::object(), {})->json();
  EXPECT_EQ(listed.at("total_count"), 2);
  EXPECT_EQ(listed.at("programs")[0].at("id"), "a");
  EXPECT_EQ(listed.at("programs")[0].at("execution_count"), 1);
  EXPECT_EQ(listed.at("programs")[0].at("signature"), program_named("a", "y")["signature"]);
  EXPECT_GT(listed.at("programs")[0].at("last_executed").get<double>(), 1.6e9);
  EXPECT_TRUE(listed.at("programs")[1].at("last_executed").is_null());
  const auto described = session.call("get_program_info", Json{{"program_id", "b"}}, {});
  ASSERT_TRUE(described) << describe(described);
  EXPECT_EQ(described->json()->at("program_id"), "b");
  EXPECT_EQ(described->worker, 0U) << "the host's answer";

  const auto deleted = session.call("delete_program", Json{{"program_id", "a"}}, {});
  ASSERT_TRUE(deleted) << describe(deleted);
  EXPECT_EQ(deleted->result_text, R"({"program_id":"a","status":"deleted"})");
  for (const char* command : {"delete_program", "get_program_info"}) {
    const auto gone = session.call(command, Json{{"program_id", "a"}}, {.label = "mine"});
    ASSERT_EQ(code_of(gone), ErrorCode::application_error);
    EXPECT_EQ(gone.error().application->type, "ProgramNotFound");
    EXPECT_EQ(gone.error().message, "Program not found: a");
    EXPECT_EQ(gone.error().label, "mine");
  }
  EXPECT_EQ(code_of(session.call("execute_program", run_of("a", "why?"), {})),
            ErrorCode::application_error)
      << "whichever worker still has it";
  EXPECT_EQ(session.info()->operations, 7U);
  EXPECT_EQ(code_of(session.call("delete_program", Json::object(), {})),
            ErrorCode::application_error)
      << "a worker says what is missing";
}

TEST(Session, RefusesADuplicateAlwaysAndMakesADeletedProgramAgainAlways) {
  Pool pool = must_start(session_options(1));  // the one worker has the old program, surely
  Session session = pool.session("s");
  ASSERT_TRUE(session.call("create_program", program_named("p", "old"), {}));
  const auto again = session.call("create_program", program_named("p", "new"), {});
  ASSERT_EQ(code_of(again), ErrorCode::application_error);
  EXPECT_EQ(again.error().application->type, "ProgramExists");
  EXPECT_EQ(again.error().message, "Program with ID 'p' already exists");
  for (int round = 0; round < 3; ++round) {
    const std::string output = "round_" + std::to_string(round);
    if (round == 1) {
      ASSERT_TRUE(session.remove());
    } else {
      ASSERT_TRUE(session.call("delete_program", Json{{"program_id", "p"}}, {}));
    }
    const auto created = session.call("create_program", program_named("p", output), {});
    ASSERT_TRUE(created) << describe(created);
    const auto reply = session.call("execute_program", run_of("p", "why?"), {});
    ASSERT_TRUE(reply) << describe(reply);
    EXPECT_EQ(reply->json()->at("outputs"), outputs_of(output, "why?"));
  }
  expect_whole(pool);
}

TEST(Session, OfTwoThatMakeAProgramAtOnceOneHasIt) {
  Pool pool = must_start(session_options(2));
  for (int round = 0; round < 10; ++round) {
    const std::string id = "p" + std::to_string(round);
    std::atomic<int> made{0};
    std::atomic<int> refused{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        const auto created = pool.session("s").call("create_program", program_named(id, "x"), {});
        made += created.has_value();
        refused += !created && created.error().application &&
                   created.error().application->type == "ProgramExists";
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(made, 1);
    EXPECT_EQ(refused, 3);
  }
  EXPECT_EQ(pool.session("s").info()->operations, 10U);
}

std::string echoed(Session& session, std::string_view text) {
  const auto reply = session.call("echo", JsonText{text}, {});
  return reply ? reply->result_text : describe(reply);
}

TEST(Session, AddsItsNameToTheArgumentsAndChangesNothingElse) {
  cites(15);
  Pool pool = must_start(plain_session_options(1));
  Session session = pool.session("ä \"quoted\"");
  const Json alone{{"session_id", "ä \"quoted\""}};
  EXPECT_EQ(Json::parse(echoed(session, "{}")), alone);
  EXPECT_EQ(Json::parse(echoed(session, " { } ")), alone);
  EXPECT_EQ(Json::parse(echoed(session, R"({"session_id":"\u00e4 \"quoted\""})")), alone);
  EXPECT_THAT(echoed(session, R"({"n": 123456789012345678901234567890, "x": {}})"),
              ::testing::HasSubstr("123456789012345678901234567890"));
}

TEST(Session, LeavesTheArgumentsAloneForAWorkerThatTakesItFromTheContext) {
  cites(15);
  Pool pool = must_start(session_options(1));
  Session session = pool.session("ä \"quoted\"");
  for (const char* text : {"{}", R"({"a":1,"b":{}})", R"({"session_id":"\u00e4 \"quoted\""})"}) {
    EXPECT_EQ(Json::parse(echoed(session, text)), Json::parse(text));
    const auto context = session.call("context", JsonText{text}, {});
    ASSERT_TRUE(context) << describe(context);
    EXPECT_EQ(context->json()->at("session"), session.id());
  }
  EXPECT_EQ(pool.call("context", Json::object())->json()->at("session"), nullptr);
}

TEST(Session, RefusesArgumentsThatAreNoneOrNameAnother) {
  Pool pool = must_start(session_options(1));
  Session session = pool.session("s");
  EXPECT_EQ(session.call("create_program", JsonText{"[]"}, {}).error().code,
            ErrorCode::invalid_arguments);
  const auto other = session.call("echo", Json{{"session_id", "else"}}, {});
  EXPECT_EQ(code_of(other), ErrorCode::invalid_session);
  EXPECT_THAT(other.error().message, ::testing::HasSubstr("names the session \"else\""));
  EXPECT_EQ(code_of(pool.session("").call("echo", Json::object(), {})), ErrorCode::invalid_session);
}

TEST(Session, IsMeantByTheCallOptionToo) {
  Pool pool = must_start(session_options(1));
  ASSERT_TRUE(pool.call("create_program", program_named("p", "answer"), {.session = "s"}));
  const auto reply = pool.session("s").call("execute_program", run_of("p", "why?"), {});
  ASSERT_TRUE(reply) << describe(reply);
  EXPECT_EQ(pool.session("s").info()->operations, 2U);
  EXPECT_EQ(code_of(pool.session("s").call("echo", Json::object(), {.session = "t"})),
            ErrorCode::invalid_session);
  EXPECT_TRUE(echoes(pool)) << "anonymous calls know of no session";
  EXPECT_EQ(pool.session("s").info()->operations, 2U);
}

TEST(Session, CountsWhatSucceeded) {
  cites(45);
  Pool pool = must_start(session_options(1));
  Session session = pool.session("s");
  EXPECT_EQ(session.info().error().code, ErrorCode::session_not_found);
  EXPECT_EQ(session.data().error().code, ErrorCode::session_not_found);
  ASSERT_TRUE(session.call("echo", Json::object(), {}));
  EXPECT_FALSE(session.call("error", Json{{"message", "no"}}, {}));
  EXPECT_FALSE(session.call("crash", Json::object(), {}));
  ASSERT_TRUE(session.call("echo", Json::object(), {}));
  EXPECT_EQ(session.info()->operations, 2U);
  EXPECT_EQ(*session.data(), Json::object());
  EXPECT_TRUE(session.remove());
  EXPECT_TRUE(session.remove()) << "idempotent";
  EXPECT_EQ(session.info().error().code, ErrorCode::session_not_found);
  expect_whole(pool);
}

TEST(Session, SaysOnceThatItHasExpired) {
  cites(27);
  Options options = session_options(1);
  options.session_ttl = 50ms;
  Pool pool = must_start(options);
  Session session = pool.session("s");
  ASSERT_TRUE(session.update([](Json& data) { data["n"] = 1; }));
  // Another session's call that takes longer than this one may live: real time, and no sleep.
  ASSERT_TRUE(pool.call("late_reply", Json{{"ms", 60}}, {}));
  const auto expired = session.call("echo", Json::object(), {.label = "mine"});
  EXPECT_EQ(code_of(expired), ErrorCode::session_expired) << describe(expired);
  EXPECT_EQ(expired.error().label, "mine");
  EXPECT_EQ(session.data().error().code, ErrorCode::session_not_found);
  EXPECT_TRUE(session.call("echo", Json::object(), {})) << "a new one, on demand";
}

TEST(Session, HandleOutlivesItsPool) {
  std::optional<Session> session;
  {
    Pool pool = must_start(session_options(1));
    session = pool.session("s");
    ASSERT_TRUE(session->call("echo", Json::object(), {}));
  }
  EXPECT_EQ(code_of(session->call("echo", Json::object(), {})), ErrorCode::pool_stopping);
  EXPECT_EQ(session->data().error().code, ErrorCode::pool_stopping);
}

}  // namespace
}  // namespace ordeal::pool
