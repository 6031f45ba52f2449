// Layer 3, thin but real: DSPy programs through the pool, with LiteLLM and a stand-in for Gemini
// over HTTP. Skipped, visibly, where DSPy is not installed (scripts/setup --dspy).
#include <fstream>
#include <mutex>
#include <thread>

#include "python_mock/tests/dspy_support.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool {
namespace {

class DspyPool : public DspyStack {};

TEST_F(DspyPool, AnswersByAModelOverHttpFromEveryWorkerAtOnce) {
  cites(57);
  Options options = dspy_options(2);
  options.fork_template = false;
  start(options);
  ASSERT_TRUE(pool_);
  std::mutex mutex;
  std::vector<Json> answers;
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      Json mine = outputs(pool_->call("execute_program", stateless("why?"), {}));
      const std::lock_guard lock{mutex};
      answers.push_back(std::move(mine));
    });
  }
  for (std::thread& caller : callers) caller.join();
  // What mock_gemini.py answers to this question (python_mock/README.md, "Mock answers").
  EXPECT_EQ(answers, std::vector<Json>(4, Json{{"answer", "mock_response_answer_1430033101"}}));

  // A program's error is the worker's own word, and costs no worker.
  const auto unknown = pool_->call("execute_program", run_of("nobody", "why?"), {.session = "s"});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::application_error);
  EXPECT_EQ(unknown.error().message.find(python_mock::stand_in_key), std::string::npos);

  // A killed worker costs nobody who had no request in it; the program came with the call.
  const Status before = pool_->status();
  ASSERT_EQ(before.workers.size(), 2U);
  kill_wholly(before.workers.front().pid);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(outputs(pool_->call("execute_program", stateless("why?"), {})),
              outputs_of("answer", "why?"));
  }
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
  Options options = dspy_options(1);
  options.fork_template = false;
  start(options);
  ASSERT_TRUE(pool_);
  const std::int64_t cold = proportional_kib(pool_->status().workers.front().pid);
  start(dspy_options(8));
  ASSERT_TRUE(pool_);
  const Status status = pool_->status();
  ASSERT_EQ(status.fork_template.state, "ready") << status.fork_template.reason;
  EXPECT_EQ(status.fork_template.forks, 8U);
  std::int64_t all = proportional_kib(status.fork_template.pid);
  for (const WorkerStatus& worker : status.workers) all += proportional_kib(worker.pid);
  RecordProperty("pss_kib_of_one_cold_worker", static_cast<int>(cold));
  RecordProperty("pss_kib_of_eight_forked_workers_and_template", static_cast<int>(all));
  fmt::print("PSS: {} KiB one cold worker, {} KiB eight forked ones and their template\n", cold,
             all);
  EXPECT_LE(static_cast<double>(all), 1.5 * static_cast<double>(cold));
  EXPECT_EQ(outputs(pool_->call("execute_program", stateless("why?"), {})),
            outputs_of("answer", "why?"));

  const std::uint64_t spawns = status.spawns;
  kill_wholly(status.workers.front().pid);
  EXPECT_EQ(outputs(pool_->call("execute_program", stateless("why?"), {})),
            outputs_of("answer", "why?"));
  EXPECT_LE(pool_->status().spawns, spawns + 1);
}

}  // namespace
}  // namespace ordeal::pool
