// Layer 3: programs of many sessions while workers are killed all the time (issue 9, judged point
// 3). Short by default; ORDEAL_DSPY_EXECUTIONS=10000 ORDEAL_DSPY_SESSIONS=50 is the point's own
// measure, and what the nightly run does.
#include <atomic>
#include <cstdlib>
#include <random>
#include <thread>

#include "python_mock/tests/dspy_support.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool {
namespace {

constexpr milliseconds kill_every{200};

std::uint64_t from_environment(const char* name, std::uint64_t standard) {
  const char* text = std::getenv(name);
  return text == nullptr ? standard : std::stoull(text);
}

class DspyKills : public DspyStack {};

// Until it is told to stop: kills a worker, and at the soonest `kill_every` later the next.
class Killer {
 public:
  explicit Killer(Pool& pool, std::uint64_t seed)
      : thread_([this, &pool, seed] { run(pool, seed); }) {}
  ~Killer() { stop(); }
  Killer(const Killer&) = delete;
  Killer& operator=(const Killer&) = delete;
  std::uint64_t stop() {
    done_.set();
    if (thread_.joinable()) thread_.join();
    return kills_;
  }

 private:
  void run(Pool& pool, std::uint64_t seed) {
    std::mt19937_64 random{seed};
    while (!done_.wait(kill_every)) {
      const Status status = pool.status();
      std::vector<int> pids;
      for (const WorkerStatus& worker : status.workers) {
        if (worker.pid > 0 && (worker.state == "busy" || worker.state == "ready")) {
          pids.push_back(worker.pid);
        }
      }
      if (pids.empty()) continue;
      kills_ += ::kill(pids[random() % pids.size()], SIGKILL) == 0;
    }
  }
  Signal done_;
  std::uint64_t kills_ = 0;
  std::thread thread_;
};

TEST_F(DspyKills, EverySessionsProgramAnswersToTheEnd) {
  cites(53, 54);
  const std::uint64_t executions = from_environment("ORDEAL_DSPY_EXECUTIONS", 400);
  const std::uint64_t sessions = from_environment("ORDEAL_DSPY_SESSIONS", 20);
  constexpr std::uint64_t callers = 6;
  constexpr std::uint64_t seed = 9;
  Options options = dspy_options(3);
  options.warm_spares = 1;
  options.retry.budget_percent = 100;
  options.retry.budget_per_second = 1'000;
  options.retry.poison_deaths_max = 20;
  start(options);
  ASSERT_TRUE(pool_);
  const CallOptions how{
      .idempotent = true,
      .retry = RetryPolicy{.max_retries = 20, .base_delay = 1ms, .max_delay = 50ms}};
  for (std::uint64_t s = 0; s < sessions; ++s) {
    const auto created =
        pool_->call("create_program", program_named("p", fmt::format("answer_{}", s)),
                    {.session = fmt::format("session {}", s)});
    ASSERT_TRUE(created) << created.error().message;
  }

  std::atomic<std::uint64_t> next{0};
  std::atomic<std::uint64_t> right{0};
  std::atomic<std::uint64_t> mixed_up{0};
  std::mutex mutex;
  std::vector<std::string> failures;
  Killer killer{*pool_, seed};
  std::vector<std::thread> threads;
  for (std::uint64_t caller = 0; caller < callers; ++caller) {
    threads.emplace_back([&] {
      for (std::uint64_t n = next++; n < executions; n = next++) {
        const std::uint64_t s = n % sessions;
        const std::string question = fmt::format("question {} of session {}", n, s);
        CallOptions of_session = how;
        const std::string name = fmt::format("session {}", s);
        of_session.session = name;
        const auto reply = pool_->call("execute_program", run_of("p", question), of_session);
        if (!reply) {
          const std::lock_guard lock{mutex};
          failures.push_back(question + ": " + reply.error().message);
        } else if (outputs(reply) == outputs_of(fmt::format("answer_{}", s), question)) {
          ++right;
        } else {
          ++mixed_up;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::uint64_t kills = killer.stop();
  const Status status = pool_->status();
  fmt::print(
      "{} executions over {} sessions: {} right, {} mixed up, {} failed; {} kills, {} retries\n",
      executions, sessions, right.load(), mixed_up.load(), failures.size(), kills, status.retries);
  RecordProperty("executions", static_cast<int>(executions));
  RecordProperty("kills", static_cast<int>(kills));
  EXPECT_EQ(mixed_up, 0U);
  EXPECT_EQ(right, executions) << (failures.empty() ? "" : failures.front());
  EXPECT_GE(kills, 1U) << "no kill, no proof";
  for (std::uint64_t s = 0; s < sessions; ++s) {
    const auto info = pool_->session(fmt::format("session {}", s)).info();
    ASSERT_TRUE(info);
    EXPECT_EQ(info->operations, 1 + (executions - s + sessions - 1) / sessions) << "session " << s;
  }
  expect_whole(*pool_);
}

}  // namespace
}  // namespace ordeal::pool
