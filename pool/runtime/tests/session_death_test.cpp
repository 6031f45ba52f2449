// The worker that made a program is killed before the program is run, with the pool under load
// (issue 4, judged point 2).
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>

#include "pool/runtime/tests/session_support.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool {
namespace {

int pid_of(const Pool& pool, std::uint64_t worker) {
  for (const WorkerStatus& status : pool.status().workers) {
    if (status.worker == worker) return status.pid;
  }
  return -1;
}

// Callers that have nothing to do with the session, until it is destroyed.
class Load {
 public:
  Load(Pool& pool, int callers) {
    for (int i = 0; i < callers; ++i) {
      threads_.emplace_back([this, &pool, i] {
        for (int n = 0; !stop_; ++n) {
          const auto reply = n % 2 == 0 ? pool.call("sleep", Json{{"ms", 1}}, {})
                                        : pool.call("echo", Json{{"n", n}},
                                                    {.session = "other " + std::to_string(i)});
          served_ += reply.has_value();
          // Only what a killed worker had in its hands may fail.
          wrong_ += !reply && reply.error().code != ErrorCode::worker_died;
        }
      });
    }
  }
  ~Load() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
    EXPECT_EQ(wrong_, 0);
    EXPECT_GT(served_, 10);
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

 private:
  std::atomic<bool> stop_{false};
  std::atomic<int> served_{0};
  std::atomic<int> wrong_{0};
  std::vector<std::thread> threads_;
};

class SessionDeath : public ::testing::TestWithParam<AffinityPolicy> {};

TEST_P(SessionDeath, BetweenCreateAndExecuteUnderLoadTheSessionGoesOnOnceWithItsData) {
  cites(25, 26, 45, 54);
  Options options = session_options(3);
  options.affinity = GetParam();
  Pool pool = must_start(options);
  const CallOptions again{.idempotent = true,
                          .retry = RetryPolicy{.max_retries = 10, .base_delay = 1ms}};
  constexpr std::uint64_t rounds = 8;
  {
    const Load load{pool, 4};
    for (std::uint64_t round = 0; round < rounds; ++round) {
      Session session = pool.session("session " + std::to_string(round));
      const auto created = session.call("create_program", program_named("p", "answer"), {});
      ASSERT_TRUE(created) << describe(created);
      ASSERT_TRUE(session.update([&](Json& data) { data["round"] = round; }));
      const int pid = pid_of(pool, created->worker);
      ASSERT_GT(pid, 0);
      kill(pid, SIGKILL);
      // At once: the pool may not know of the death yet.
      const auto reply = session.call("execute_program", run_of("p", "why?"), again);
      ASSERT_TRUE(reply) << describe(reply);
      EXPECT_NE(reply->worker, created->worker);
      EXPECT_EQ(reply->json()->at("outputs"), outputs_of("answer", "why?"));
      if (GetParam() != AffinityPolicy::none) {
        EXPECT_EQ(reply->affinity, AffinityOutcome::rebound);
      }
      EXPECT_EQ(session.data()->at("round"), round);
      const auto info = session.call("get_program_info", Json{{"program_id", "p"}}, {});
      ASSERT_TRUE(info) << describe(info);
      EXPECT_EQ(info->json()->at("execution_count"), 1) << "once, whatever was tried";
      EXPECT_EQ(session.info()->operations, 3U);
      // The next victim must be a worker that serves.
      ASSERT_TRUE(wait_until(pool, [&](const Status& s) { return s.workers_lost > round; }));
    }
  }
  EXPECT_EQ(pool.status().workers_lost, rounds);
  expect_whole(pool);
}

INSTANTIATE_TEST_SUITE_P(Policies, SessionDeath,
                         ::testing::Values(AffinityPolicy::none, AffinityPolicy::prefer,
                                           AffinityPolicy::strict));

}  // namespace
}  // namespace ordeal::pool
