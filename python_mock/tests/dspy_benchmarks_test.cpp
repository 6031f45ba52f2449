// Layer 3: DSPex's four benchmarks, with DSPy programs for its operations. Its own were never run:
// they sent a command that no bridge had. Short, with the bars of DSPex's test variants, which are
// hundreds of times what is needed: they guard against a pool that is broken, and measure nothing.
// The figures are printed; perf/ is for measuring.
#include <algorithm>
#include <atomic>
#include <thread>

#include "python_mock/tests/dspy_support.hpp"

namespace ordeal::pool {
namespace {

struct Benchmark {
  const char* name;
  int warm_up;
  int operations;
  int users;
  bool in_sessions;
  double success_min;
  milliseconds p95_max;
  double per_second_min;
};

constexpr Benchmark benchmarks[] = {
    {"single_operation_latency", 20, 100, 1, false, 0.95, 2000ms, 5},
    {"concurrent_throughput", 30, 200, 4, false, 0.90, 3000ms, 10},
    {"sustained_load", 20, 300, 8, false, 0.85, 3000ms, 10},
    {"session_affinity_performance", 20, 160, 8, true, 0.90, 3000ms, 10},
};

struct Figures {
  std::vector<milliseconds> latencies;  // of those that succeeded
  int sent = 0;
  double seconds = 0;
  std::uint64_t hits = 0;  // by the worker that the session is bound to
};

class DspyBenchmarks : public DspyStack {
 protected:
  Figures run(const Benchmark& benchmark, int operations) {
    Figures figures;
    figures.sent = operations;
    std::mutex mutex;
    std::atomic<int> next{0};
    const auto begun = steady_clock::now();
    std::vector<std::thread> users;
    for (int user = 0; user < benchmark.users; ++user) {
      users.emplace_back([&, user] {
        const std::string session = fmt::format("{} {}", benchmark.name, user);
        CallOptions options;
        if (benchmark.in_sessions) {
          options.session = session;
          options.affinity = AffinityPolicy::prefer;
        }
        for (int n = next++; n < operations; n = next++) {
          const std::string question = fmt::format("{} of {}", n, benchmark.name);
          const auto at = steady_clock::now();
          const auto reply = pool_->call("execute_program", stateless(question), options);
          if (outputs(reply) != outputs_of("answer", question)) continue;
          const std::lock_guard lock{mutex};
          figures.latencies.push_back(
              std::chrono::duration_cast<milliseconds>(steady_clock::now() - at));
          figures.hits += reply->affinity == AffinityOutcome::hit;
        }
      });
    }
    for (std::thread& user : users) user.join();
    figures.seconds = std::chrono::duration<double>(steady_clock::now() - begun).count();
    std::sort(figures.latencies.begin(), figures.latencies.end());
    return figures;
  }
};

TEST_F(DspyBenchmarks, TheFourOfDspexRunAndDoWhatTheySay) {
  Options options = dspy_options(3);
  options.affinity_wait = 10s;  // longer than any call: who waits for its worker gets it
  start(options);
  ASSERT_TRUE(pool_);
  for (const Benchmark& benchmark : benchmarks) {
    run(benchmark, benchmark.warm_up);
    const Figures figures = run(benchmark, benchmark.operations);
    ASSERT_FALSE(figures.latencies.empty()) << benchmark.name;
    const auto at = [&](double share) {
      const auto last = static_cast<double>(figures.latencies.size() - 1);
      return figures.latencies[static_cast<std::size_t>(share * last + 0.5)];
    };
    const double success = static_cast<double>(figures.latencies.size()) / figures.sent;
    const double per_second = static_cast<double>(figures.sent) / figures.seconds;
    fmt::print("{:30} {:4.0f} % ok, p50 {} ms, p95 {} ms, {:.0f}/s\n", benchmark.name,
               100 * success, at(0.5).count(), at(0.95).count(), per_second);
    EXPECT_GE(success, benchmark.success_min) << benchmark.name;
    EXPECT_LE(at(0.95), benchmark.p95_max) << benchmark.name;
    EXPECT_GE(per_second, benchmark.per_second_min) << benchmark.name;
    if (benchmark.in_sessions) {
      // DSPex's own check is 0.8, and could not pass: nothing there chose the worker.
      EXPECT_GE(static_cast<double>(figures.hits), 0.8 * figures.sent) << benchmark.name;
    }
  }
  EXPECT_EQ(pool_->status().workers_lost, 0U);
}

}  // namespace
}  // namespace ordeal::pool
