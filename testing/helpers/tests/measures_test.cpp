// What is measured is what was: overlap, affinity, performance.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>
#include <mutex>

#include "pool/runtime/tests/support.hpp"
#include "testing/helpers/performance_monitor.hpp"
#include "testing/helpers/run_concurrently.hpp"
#include "testing/helpers/session_affinity.hpp"
#include "testing/helpers/waits.hpp"

namespace ordeal::trial {
namespace {

using namespace std::chrono_literals;
using pool::AffinityPolicy;
using pool::must_start;
using pool::Pool;
using std::chrono::milliseconds;
using ::testing::Contains;
using ::testing::HasSubstr;
using Kind = Verdict::Kind;

constexpr milliseconds ample = pool::patience;

TEST(RunConcurrently, SeesWhatRanAtOnce) {
  std::latch all_in{3};
  const auto meet = [&] { all_in.arrive_and_wait(); };
  EXPECT_EQ(run_concurrently({meet, meet, meet}).most, 3U);
}

TEST(RunConcurrently, SeesWhatRanOneAfterAnother) {
  std::mutex one_at_a_time;
  std::vector<Overlap::Run> runs(4);
  std::vector<std::function<void()>> operations;
  for (Overlap::Run& run : runs) {
    operations.emplace_back([&] {
      const std::lock_guard lock{one_at_a_time};
      run.began = std::chrono::steady_clock::now();
      while (std::chrono::steady_clock::now() == run.began) {
      }
      run.ended = std::chrono::steady_clock::now();
    });
  }
  (void)run_concurrently(operations);
  const Overlap overlap = overlap_of(runs);
  EXPECT_EQ(overlap.most, 1U) << overlap.in_words();
  EXPECT_DOUBLE_EQ(overlap.average, 1.0);
}

TEST(RunConcurrently, AverageIsOverTheTimeInWhichAnyRan) {
  const std::chrono::steady_clock::time_point zero{};
  const Overlap overlap = overlap_of(
      {{zero, zero + 4ms}, {zero + 2ms, zero + 4ms}, {zero + 4ms, zero + 6ms}, {zero, zero}});
  EXPECT_EQ(overlap.most, 2U);
  EXPECT_NEAR(overlap.average, 8.0 / 6.0, 1e-9);
}

Verdict affinity_under(AffinityPolicy policy, std::uint32_t size) {
  Pool pool = must_start(pool::mock_options(size));
  return verify_session_affinity(pool, policy, "sleep", R"({"ms":2})");
}

TEST(SessionAffinity, HoldsUnderStrict) {
  const Verdict verdict = affinity_under(AffinityPolicy::strict, 2);
  EXPECT_EQ(verdict.kind(), Kind::pass) << ::testing::PrintToString(verdict.evidence());
}

TEST(SessionAffinity, FailsUnderNone) {
  const Verdict verdict = affinity_under(AffinityPolicy::none, 2);
  EXPECT_EQ(verdict.kind(), Kind::fail);
  EXPECT_THAT(verdict.evidence(), Contains(HasSubstr("was served by workers")));
}

TEST(SessionAffinity, OfOneWorkerNothingCanBeSaid) {
  const Verdict verdict = affinity_under(AffinityPolicy::none, 1);
  EXPECT_EQ(verdict.kind(), Kind::unknown);
  EXPECT_THAT(verdict.evidence(), Contains(HasSubstr("1 worker served")));
}

TEST(SessionAffinity, OfSessionsThatNeverOverlapNothingCanBeSaid) {
  // Each to its own worker, but one at a time.
  const auto alone = [](const std::string& session) -> pool::Result<std::uint64_t> {
    return std::hash<std::string>{}(session);
  };
  const Verdict verdict = verify_session_affinity(alone, {.sessions = 1, .rounds = 2});
  EXPECT_EQ(verdict.kind(), Kind::unknown);
}

// Two ways to look affine without being it.
TEST(SessionAffinity, FailsForAPoolThatTakesTheWorkersInTurn) {
  std::atomic<std::uint64_t> calls{0};
  const auto in_turn = [&](const std::string&) -> pool::Result<std::uint64_t> {
    return 1 + calls++ % 2;
  };
  EXPECT_EQ(verify_session_affinity(in_turn, {.sessions = 2, .rounds = 1}).kind(), Kind::fail);
}

TEST(SessionAffinity, AnErrorFailsIt) {
  const auto fails = [](const std::string&) -> pool::Result<std::uint64_t> {
    return tl::unexpected(pool::make_error(pool::ErrorCode::queue_full, "full"));
  };
  EXPECT_EQ(verify_session_affinity(fails).kind(), Kind::fail);
}

TEST(PerformanceMonitor, CountsEachRequestAndItsTime) {
  Pool pool = must_start(pool::mock_options(1));
  ASSERT_TRUE(pool::echoes(pool));  // before it begins
  PerformanceMonitor monitor{pool};
  constexpr int calls = 10;
  for (int i = 0; i < calls; ++i) {
    ASSERT_TRUE(pool.call("sleep", pool::Json{{"ms", 5}}, {.deadline = ample}));
  }
  ASSERT_FALSE(pool.call("error", pool::Json::object(), {.deadline = ample}));
  const Performance seen = monitor.stop();
  EXPECT_EQ(seen.events_dropped, 0U);
  EXPECT_GE(seen.resolved, calls + 1U) << seen.in_words();
  EXPECT_LE(seen.resolved, calls + 2U) << seen.in_words();
  EXPECT_EQ(seen.resolved - seen.ok, 1U);
  EXPECT_GE(seen.p50, 5ms);
  EXPECT_LE(seen.p50, seen.p95);
  EXPECT_LE(seen.p95, seen.max);
  EXPECT_GT(seen.utilisation, 0.3) << seen.in_words();
  EXPECT_LE(seen.utilisation, 1.0);
}

TEST(PerformanceMonitor, OfAnIdlePoolHasNoNumbers) {
  Pool pool = must_start(pool::mock_options(2));
  ASSERT_TRUE(wait_idle(pool, ample));
  PerformanceMonitor monitor{pool};
  const Performance seen = monitor.stop();
  EXPECT_EQ(seen.resolved, 0U);
  EXPECT_EQ(seen.max.count(), 0);
  EXPECT_EQ(seen.utilisation, 0.0);
}

TEST(PerformanceMonitor, AWorkerThatIsHeldIsBusyAllTheTime) {
  Pool pool = must_start(pool::mock_options(1));
  EventWatch watch{pool};
  auto lease = pool.checkout({.deadline = ample});
  ASSERT_TRUE(lease);
  ASSERT_TRUE(watch.wait_for(is("request_granted"), ample));
  PerformanceMonitor monitor{pool};
  ASSERT_TRUE(lease->call("sleep", pool::Json{{"ms", 5}}, {.deadline = ample}));
  EXPECT_DOUBLE_EQ(monitor.stop().utilisation, 1.0);
}

}  // namespace
}  // namespace ordeal::trial
