// Layer 3, thin but real: DSPy programs through the pool, with LiteLLM and a stand-in for Gemini
// over HTTP. Skipped, visibly, where DSPy is not installed (scripts/setup --dspy).
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "ordeal/pool/pool.hpp"
#include "python_mock/tests/gemini.hpp"
#include "testing/cites/cites.hpp"
#include "testing/leaks/leak_listener.hpp"

namespace {

using namespace ordeal::pool;
using ordeal::python_mock::Gemini;
using ordeal::python_mock::stand_in_key;
using namespace std::chrono_literals;

constexpr std::string_view key = stand_in_key;
// What mock_gemini.py answers to this question (python_mock/README.md, "Mock answers").
constexpr const char* call = R"({"program_id": "p", "inputs": {"question": "why?"}, "program_data":
    {"signature": {"inputs": ["question"], "outputs": ["answer"]}}})";
constexpr const char* expected_answer = "mock_response_answer_1430033101";
// Importing DSPy takes seconds of computing, and more where other tests compute too.
constexpr auto patience = 120s;

class DspyPool : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::access(ORDEAL_DSPY_PYTHON, X_OK) != 0) {
      GTEST_SKIP() << ORDEAL_DSPY_PYTHON << " has no dspy: run scripts/setup --dspy";
    }
    gemini_.emplace();
    ASSERT_FALSE(gemini_->address().empty()) << "mock_gemini.py did not say where it listens";
  }
  void TearDown() override {
    pool_.reset();
    gemini_.reset();
  }

  void start(std::uint32_t size, bool fork_template) {
    Options options;
    options.command = {ORDEAL_DSPY_PYTHON, ORDEAL_PYTHON_MOCK "/dspy_bridge.py", "--mode",
                       "pool-worker"};
    options.size = size;
    options.fork_template = fork_template;
    options.start_timeout = patience;
    options.environment["GEMINI_API_KEY"] = key;
    options.environment["GEMINI_API_BASE"] = fmt::format("http://{}/v1beta", gemini_->address());
    options.environment["ORDEAL_TEST_ID"] = ordeal::trial::test_id();
    auto pool = Pool::start(options);
    ASSERT_TRUE(pool) << pool.error().message;
    pool_.emplace(std::move(*pool));
  }

  std::string answer() {
    const auto reply = pool_->call("execute_program", JsonText{call}, {.deadline = patience});
    if (!reply) return "error: " + reply.error().message;
    const auto json = reply->json();
    if (!json) return "error: " + json.error().message;
    return json->at("outputs").at("answer").get<std::string>();
  }

  std::optional<Gemini> gemini_;
  std::optional<Pool> pool_;
};

// Kills it and waits for its end: who dies may still read a request that comes in meanwhile, and is
// then rightly said to have had it in hand. The pool may reap it first: there is nothing to wait
// for.
void kill_wholly(int pid) {
  ASSERT_EQ(::kill(pid, SIGKILL), 0);
  siginfo_t end{};
  while (::waitid(P_PID, static_cast<id_t>(pid), &end, WEXITED | WNOWAIT) != 0) {
    if (errno == EINTR) continue;
    ASSERT_EQ(errno, ECHILD);
    return;
  }
}

TEST_F(DspyPool, AnswersByAModelOverHttpFromEveryWorkerAtOnce) {
  ordeal::cites(57);
  start(2, false);
  ASSERT_TRUE(pool_);
  std::mutex mutex;
  std::vector<std::string> answers;
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      std::string mine = answer();
      const std::lock_guard lock{mutex};
      answers.push_back(std::move(mine));
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(answers, std::vector<std::string>(4, expected_answer));

  // A program's error is the worker's own word, and costs no worker.
  const auto unknown = pool_->call(
      "execute_program", JsonText{R"({"program_id": "nobody", "session_id": "s", "inputs": {}})"},
      {.deadline = patience});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::application_error);
  EXPECT_EQ(unknown.error().message.find(key), std::string::npos);

  // A killed worker costs nobody who had no request in it; the program came with the call.
  const Status before = pool_->status();
  ASSERT_EQ(before.workers.size(), 2u);
  kill_wholly(before.workers.front().pid);
  EXPECT_EQ(answer(), expected_answer);
  EXPECT_EQ(answer(), expected_answer);
}

// What the process has of the machine's memory: shared pages count for a part each.
std::int64_t proportional_kib(int pid) {
  std::ifstream file(fmt::format("/proc/{}/smaps_rollup", pid));
  std::string word;
  while (file >> word && word != "Pss:") {
  }
  std::int64_t kib = 0;
  file >> kib;
  return kib;
}

// Issue 9, judged point 4. The template's own memory is counted with the workers'.
TEST_F(DspyPool, EightForkedWorkersAnswerAndShareTheirMemory) {
  start(1, false);
  ASSERT_TRUE(pool_);
  const std::int64_t cold = proportional_kib(pool_->status().workers.front().pid);
  pool_.reset();
  start(8, true);
  ASSERT_TRUE(pool_);
  const Status status = pool_->status();
  ASSERT_EQ(status.fork_template.state, "ready") << status.fork_template.reason;
  EXPECT_EQ(status.fork_template.forks, 8u);
  std::int64_t all = proportional_kib(status.fork_template.pid);
  for (const WorkerStatus& worker : status.workers) all += proportional_kib(worker.pid);
  RecordProperty("pss_kib_of_one_cold_worker", static_cast<int>(cold));
  RecordProperty("pss_kib_of_eight_forked_workers_and_template", static_cast<int>(all));
  fmt::print("PSS: {} KiB one cold worker, {} KiB eight forked ones and their template\n", cold,
             all);
  EXPECT_LE(static_cast<double>(all), 1.5 * static_cast<double>(cold));
  EXPECT_EQ(answer(), expected_answer);

  const std::uint64_t spawns = status.spawns;
  kill_wholly(status.workers.front().pid);
  EXPECT_EQ(answer(), expected_answer);
  EXPECT_LE(pool_->status().spawns, spawns + 1);
}

}  // namespace
