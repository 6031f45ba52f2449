// What the tests of layer 3 share: pools of dspy_bridge.py with a stand-in for Gemini, and
// questions.
#pragma once

#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>

#include <cerrno>

#include "pool/runtime/tests/session_support.hpp"
#include "python_mock/tests/gemini.hpp"

namespace ordeal::pool {

// Importing DSPy takes seconds of computing, and more where other tests compute too.
inline constexpr std::chrono::seconds dspy_patience{120};

// A program that comes with its call. What it answers is outputs_of("answer", question).
inline Json stateless(const std::string& question) {
  Json call = run_of("p", question);
  call["program_data"] = {{"signature", program_named("p", "answer")["signature"]}};
  return call;
}

// Kills it and waits for its end: who dies may still read a request that comes in meanwhile, and is
// then rightly said to have had it in hand. The pool may reap it first: there is nothing to wait
// for.
inline void kill_wholly(int pid) {
  ASSERT_EQ(::kill(pid, SIGKILL), 0);
  siginfo_t end{};
  while (::waitid(P_PID, static_cast<id_t>(pid), &end, WEXITED | WNOWAIT) != 0) {
    if (errno == EINTR) continue;
    ASSERT_EQ(errno, ECHILD);
    return;
  }
}

class DspyStack : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::access(ORDEAL_DSPY_PYTHON, X_OK) != 0) {
      GTEST_SKIP() << ORDEAL_DSPY_PYTHON << " has no dspy: run scripts/setup --dspy";
    }
    gemini_.emplace();
    ASSERT_FALSE(gemini_->address().empty()) << "mock_gemini.py did not say where it listens";
  }
  void TearDown() override {
    if (gemini_) gemini_->release();
    pool_.reset();
    gemini_.reset();
  }

  // Forked from a template that has imported DSPy, with the zoo besides.
  [[nodiscard]] Options dspy_options(std::uint32_t size) const {
    Options options = forked(script_options(size, ORDEAL_PYTHON_MOCK "/dspy_bridge.py",
                                            {"--mode", "pool-worker", "--faults"}));
    options.command.front() = ORDEAL_DSPY_PYTHON;
    options.start_timeout = dspy_patience;
    options.call_timeout = dspy_patience;
    options.environment["GEMINI_API_KEY"] = python_mock::stand_in_key;
    options.environment["GEMINI_API_BASE"] = fmt::format("http://{}/v1beta", gemini_->address());
    return options;
  }
  void start(const Options& options, std::vector<Sink> sinks = {}) {
    pool_.reset();
    auto pool = Pool::start(recorded(options), std::move(sinks));
    ASSERT_TRUE(pool) << pool.error().message;
    pool_.emplace(std::move(*pool));
  }

  // The answer, or what went wrong.
  [[nodiscard]] static Json outputs(const Result<Reply>& reply) {
    if (!reply)
      return "error: " + std::string{to_string(reply.error().code)} + ": " + reply.error().message;
    return reply->json()->at("outputs");
  }
  [[nodiscard]] static std::string application_type(const Result<Reply>& reply) {
    if (reply || !reply.error().application) return "none";
    return reply.error().application->type;
  }
  // Of the one worker that has a request in hand.
  [[nodiscard]] int busy_pid() const {
    for (const WorkerStatus& worker : pool_->status().workers) {
      if (worker.state == "busy") return worker.pid;
    }
    return -1;
  }

  std::optional<python_mock::Gemini> gemini_;
  std::optional<Pool> pool_;
};

}  // namespace ordeal::pool
