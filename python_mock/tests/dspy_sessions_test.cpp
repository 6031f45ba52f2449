// Layer 3: programs that belong to a session, run by whichever DSPy worker is free.
#include <atomic>
#include <filesystem>
#include <thread>

#include "python_mock/tests/dspy_support.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool {
namespace {

class DspySessions : public DspyStack {};

TEST_F(DspySessions, AProgramOutlivesEveryWorkerThatHasRunIt) {
  cites(26, 54);
  start(dspy_options(2));
  ASSERT_TRUE(pool_);
  Session session = pool_->session("s");
  const auto created = session.call("create_program", program_named("p", "the answer"), {});
  ASSERT_TRUE(created) << created.error().message;
  EXPECT_EQ(created->json()->at("field_mapping").at("the answer"), "the_answer");
  for (std::uint64_t round = 1; round <= 3; ++round) {
    const std::string question = fmt::format("round {}?", round);
    const auto reply = session.call("execute_program", run_of("p", question), {});
    // The model is asked for `the_answer`; the caller gets what the signature calls it.
    EXPECT_EQ(outputs(reply),
              (Json{{"the answer", outputs_of("the_answer", question)["the_answer"]}}));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->json()->at("usage").at("calls"), 1);
    for (const WorkerStatus& worker : pool_->status().workers) {
      if (worker.worker == reply->worker) kill_wholly(worker.pid);
    }
    ASSERT_TRUE(wait_until(*pool_, [&](const Status& s) { return s.workers_lost == round; }));
  }
  EXPECT_EQ(session.info()->operations, 4U);
  EXPECT_EQ(gemini_->received("round"), 3) << "each question, once";
  expect_whole(*pool_);
}

TEST_F(DspySessions, TwentyAtOnceDoNotSeeEachOther) {
  cites(25);
  start(dspy_options(3));
  ASSERT_TRUE(pool_);
  constexpr int sessions = 20;
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < sessions; ++i) {
    threads.emplace_back([&, i] {
      Session session = pool_->session(fmt::format("session {}", i));
      const std::string output = fmt::format("answer_{}", i);
      const auto created = session.call("create_program", program_named("p", output), {});
      EXPECT_TRUE(created) << created.error().message;
      for (int n = 0; n < 3; ++n) {
        const std::string question = fmt::format("{} of {}", n, i);
        const auto reply = session.call("execute_program", run_of("p", question), {});
        EXPECT_EQ(outputs(reply), outputs_of(output, question));
        right += reply.has_value();
      }
      EXPECT_EQ(session.info()->operations, 4U);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 3 * sessions);
  EXPECT_EQ(gemini_->received(), 3 * sessions);
  const auto stranger = pool_->session("another").call("execute_program", run_of("p", "why?"), {});
  EXPECT_EQ(application_type(stranger), "ProgramNotFound");
}

TEST_F(DspySessions, AWorkerBuildsAProgramOnceThatTheHostSendsWithEachCall) {
  start(dspy_options(1));
  ASSERT_TRUE(pool_);
  Session session = pool_->session("s");
  ASSERT_TRUE(session.call("create_program", program_named("p", "answer"), {}));
  for (int n = 0; n < 5; ++n) {
    ASSERT_TRUE(session.call("execute_program", run_of("p", std::to_string(n)), {}));
  }
  // Another session's, of the same making.
  ASSERT_TRUE(pool_->session("t").call("create_program", program_named("q", "answer"), {}));
  const auto stats = pool_->call("get_stats", Json::object(), {});
  ASSERT_TRUE(stats);
  EXPECT_EQ(stats->json()->at("build_cache").at("built"), 1);
  EXPECT_EQ(stats->json()->at("build_cache").at("found"), 6);
}

TEST_F(DspySessions, InADatabaseTheyOutliveTheHostsPool) {
  cites(54);
  const std::filesystem::path file =
      std::filesystem::path{::testing::TempDir()} / fmt::format("dspy_sessions_{}.db", ::getpid());
  Options options = dspy_options(1);
  options.session_store = "sqlite:" + file.string();
  start(options);
  ASSERT_TRUE(pool_);
  Json react = program_named("p", "answer");
  react["program_type"] = "react";
  react["tools"] = Json::array();
  react["max_iters"] = 2;
  ASSERT_TRUE(pool_->session("s").call("create_program", react, {}));
  start(options);
  ASSERT_TRUE(pool_);
  const auto reply = pool_->session("s").call("execute_program", run_of("p", "why?"), {});
  ASSERT_TRUE(reply) << reply.error().message;
  // The end of the agent's work, and its answer: it is the same program, not only the same fields.
  EXPECT_EQ(reply->json()->at("usage").at("calls"), 2);
  pool_.reset();
  for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(file.string() + suffix);
}

}  // namespace
}  // namespace ordeal::pool
