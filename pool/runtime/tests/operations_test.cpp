// What operators do to a running pool, under load: no request fails for it (issue 6, judged point
// 3).
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <mutex>

#include "pool/runtime/tests/support.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool {
namespace {

using ::testing::HasSubstr;

// So many callers at full speed, until it is stopped; every call must echo its own nonce.
class Load {
 public:
  explicit Load(Pool& pool, int callers = 4) {
    for (int i = 0; i < callers; ++i) {
      threads_.emplace_back([this, &pool] {
        while (!over_.load()) {
          if (!echoes(pool)) ++failed_;
        }
      });
    }
  }
  ~Load() { stop(); }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  void stop() {
    over_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  [[nodiscard]] int failed() const { return failed_.load(); }

 private:
  std::atomic<bool> over_{false};
  std::atomic<int> failed_{0};
  std::vector<std::thread> threads_;
};

void expect_no_request_failed(const Pool& pool, Load& load) {
  load.stop();
  EXPECT_EQ(load.failed(), 0);
  const Status status = pool.status();
  EXPECT_EQ(status.ok, status.submitted) << describe(status);
  EXPECT_EQ(status.workers_lost, 0U) << describe(status);
}

// The fewest that served at once, by the events: in their order, so nothing is missed.
class Fewest {
 public:
  explicit Fewest(Pool& pool) : serving_(pool.status().workers.size()), fewest_(serving_) {
    subscription_ = pool.subscribe([this](const PoolEvent& event) {
      if (event.what != "worker_transition") return;
      const std::lock_guard lock{mutex_};
      const auto serves = [](std::string_view state) {
        return state == "ready" || state == "busy";
      };
      if (serves(event.from) && !serves(event.to)) --serving_;
      if (!serves(event.from) && serves(event.to)) ++serving_;
      fewest_ = std::min(fewest_, serving_);
    });
  }
  [[nodiscard]] std::size_t count() {
    const std::lock_guard lock{mutex_};
    return fewest_;
  }

 private:
  std::mutex mutex_;
  std::size_t serving_;
  std::size_t fewest_;
  Subscription subscription_;
};

std::set<std::uint64_t> generations(const Status& status) {
  std::set<std::uint64_t> found;
  for (const WorkerStatus& worker : status.workers) {
    if (worker.state == "ready" || worker.state == "busy") found.insert(worker.generation);
  }
  return found;
}

// The mock, and what it is told by its environment.
WorkerProgram program(const Options& options, std::vector<std::string> more) {
  WorkerProgram made{.command = options.command};
  made.command.insert(made.command.end(), more.begin(), more.end());
  return made;
}

TEST(Operations, ResizeUpAndDownUnderLoadFailsNoRequest) {
  cites(1, 3);
  Pool pool = must_start(mock_options(2));
  Load load{pool};
  for (const std::uint32_t size : {5U, 1U, 3U, 2U}) {
    const auto resized = pool.resize(size, patience);
    ASSERT_TRUE(resized) << resized.error().message;
    const Status status = pool.status();
    EXPECT_EQ(status.size, size);
    EXPECT_EQ(status.idle + status.busy, size) << describe(status);
  }
  expect_no_request_failed(pool, load);
  EXPECT_EQ(pool.status().spawns, 7U) << "2, 3 more, then 2 more";
}

TEST(Operations, ASizeOutOfRangeIsRefused) {
  Pool pool = must_start(mock_options(1));
  for (const std::uint32_t size : {0U, 1025U}) {
    const auto refused = pool.resize(size);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::invalid_option);
    EXPECT_THAT(refused.error().message, HasSubstr("allowed 1 to 1024"));
  }
}

TEST(Operations, EveryWorkerDrainedUnderLoadIsReplacedFirstAndFailsNoRequest) {
  cites_bug_class(8);
  Pool pool = must_start(mock_options(2));
  const std::set<std::uint64_t> first = serials(pool.status());
  Fewest fewest{pool};
  Load load{pool};
  for (const std::uint64_t worker : first) {
    const auto drained = pool.drain_worker(worker, patience);
    ASSERT_TRUE(drained) << drained.error().message;
  }
  for (const std::uint64_t worker : serials(pool.status())) EXPECT_EQ(first.count(worker), 0U);
  expect_no_request_failed(pool, load);
  EXPECT_EQ(pool.status().workers_recycled, 2U);
  EXPECT_GE(fewest.count(), 2U);
  const auto gone = pool.drain_worker(*first.begin());
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, ErrorCode::worker_not_found);
}

TEST(Operations, ARollUnderLoadFailsNoRequestAndLeavesTheNewProgramAlone) {
  Options options = mock_options(3);
  Pool pool = must_start(options);
  Fewest fewest{pool};
  Load load{pool};
  WorkerProgram next{.environment = {{"ORDEAL_GENERATION", "two"}}};
  const auto rolled = pool.roll(next, patience);
  ASSERT_TRUE(rolled) << rolled.error().message;
  const Status status = pool.status();
  EXPECT_EQ(status.generation, 2U);
  EXPECT_EQ(generations(status), std::set<std::uint64_t>{2});
  expect_no_request_failed(pool, load);
  EXPECT_GE(fewest.count(), 3U);
  EXPECT_EQ(pool.status().workers_recycled, 3U);
  expect_whole(pool);
}

TEST(Operations, ARollToAProgramThatCrashesAtItsStartFailsNoRequestAndGoesBack) {
  Options options = mock_options(2);
  Pool pool = must_start(options);
  const std::set<std::uint64_t> before = serials(pool.status());
  Load load{pool};
  const auto rolled =
      pool.roll(program(options, {"--start-fail", "always", "--start-exit-code", "7"}), patience);
  ASSERT_FALSE(rolled);
  EXPECT_EQ(rolled.error().code, ErrorCode::roll_failed);
  EXPECT_THAT(rolled.error().message, HasSubstr("gone back to generation 1"));
  ASSERT_TRUE(rolled.error().certificate);
  EXPECT_EQ(rolled.error().certificate->exit_code, 7);
  expect_no_request_failed(pool, load);
  EXPECT_EQ(serials(pool.status()), before) << "nobody had to go";
  EXPECT_EQ(pool.status().roll_failed, 2U);
  expect_whole(pool);
}

TEST(Operations, ARollToAProgramThatHangsAtItsStartGoesBackAfterStartTimeout) {
  Options options = mock_options(1);
  options.start_timeout = 1s;
  Pool pool = must_start(options);
  Load load{pool};
  const auto rolled = pool.roll(program(options, {"--start-hang"}), patience);
  ASSERT_FALSE(rolled);
  EXPECT_EQ(rolled.error().code, ErrorCode::roll_failed);
  EXPECT_THAT(rolled.error().message, HasSubstr("start_timeout"));
  expect_no_request_failed(pool, load);
}

TEST(Operations, AProgramThatIsNotThereIsARollThatFails) {
  Pool pool = must_start(mock_options(1));
  const auto rolled = pool.roll({.command = {"/no/such/program"}}, patience);
  ASSERT_FALSE(rolled);
  EXPECT_EQ(rolled.error().code, ErrorCode::roll_failed);
  expect_whole(pool);
}

TEST(Operations, ARollOfForkedWorkersMakesATemplateOfTheNewProgram) {
  Pool pool = must_start(forked(mock_options(3)));
  Load load{pool};
  const auto rolled = pool.roll({}, patience);
  ASSERT_TRUE(rolled) << rolled.error().message;
  EXPECT_TRUE(wait_until(pool, [](const Status& status) {
    return status.fork_template.state == "ready" && status.fork_template.generation == 2;
  })) << pool.status().fork_template.reason;
  expect_no_request_failed(pool, load);
  EXPECT_EQ(generations(pool.status()), std::set<std::uint64_t>{2});
  expect_whole(pool);
}

TEST(Operations, WhilePausedCallsWaitAndAfterwardsAllAreServed) {
  cites(5);
  Pool pool = must_start(mock_options(2));
  ASSERT_TRUE(pool.pause());
  EXPECT_EQ(pool.status().admission, "paused");
  std::deque<Caller> callers;
  for (int i = 0; i < 5; ++i) {
    callers.emplace_back(pool, "echo", Json{{"x", i}}, CallOptions{.deadline = patience});
  }
  EXPECT_TRUE(wait_until(pool, [](const Status& status) { return status.queue_depth == 5; }));
  EXPECT_EQ(pool.status().busy, 0U);
  ASSERT_TRUE(pool.resume());
  for (Caller& caller : callers) EXPECT_TRUE(caller.join()) << describe(caller.join());
  expect_whole(pool);
}

TEST(Operations, PausesUnderLoadFailNoRequest) {
  Pool pool = must_start(mock_options(2));
  Load load{pool};
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(pool.pause());
    EXPECT_TRUE(wait_until(pool, [](const Status& status) { return status.running == 0; }));
    ASSERT_TRUE(pool.resume());
  }
  expect_no_request_failed(pool, load);
}

TEST(Operations, ADrainServesWhoIsInTurnsAwayWhoComesAndEndsWithResume) {
  Pool pool = must_start(mock_options(1));
  std::deque<Caller> callers;
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back(pool, "sleep", Json{{"ms", 50}}, CallOptions{.deadline = patience});
  }
  EXPECT_TRUE(wait_until(
      pool, [](const Status& status) { return status.running == 1 && status.queue_depth == 2; }));
  const auto drained = pool.drain(patience);
  EXPECT_TRUE(drained) << drained.error().message;
  EXPECT_EQ(pool.status().running + pool.status().queue_depth, 0U);
  for (Caller& caller : callers) EXPECT_TRUE(caller.join()) << describe(caller.join());
  const auto refused = pool.call("echo", Json::object(), {.deadline = patience});
  EXPECT_EQ(code_of(refused), ErrorCode::pool_draining) << describe(refused);
  ASSERT_TRUE(pool.resume());
  expect_whole(pool);
}

TEST(Operations, ADrainThatLastsLongerThanItsCallerWaitsGoesOn) {
  Pool pool = must_start(mock_options(1));
  Caller caller{pool, "sleep", Json{{"ms", 400}}, CallOptions{.deadline = patience}};
  EXPECT_TRUE(wait_until(pool, [](const Status& status) { return status.running == 1; }));
  const auto drained = pool.drain(milliseconds{20});
  ASSERT_FALSE(drained);
  EXPECT_EQ(drained.error().code, ErrorCode::operation_timeout);
  EXPECT_EQ(pool.status().admission, "draining");
  EXPECT_TRUE(caller.join());
}

TEST(Operations, AStoppedPoolRefusesThem) {
  cites(10);
  Pool pool = must_start(mock_options(1));
  ASSERT_TRUE(pool.stop(patience));
  for (const Result<void>& refused : {pool.resize(2), pool.pause(), pool.resume(), pool.drain(),
                                      pool.drain_worker(1), pool.roll({})}) {
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::pool_stopping);
  }
}

// Issue 6, judged point 3: every 100 requests, never fewer than `size`, no request fails.
TEST(Retirement, EveryHundredRequestsUnderLoadNeverLeavesFewerThanSizeAndFailsNoRequest) {
  cites_bug_class(5, 8);
  Options options = forked(mock_options(4));
  options.retire_after_requests = 100;
  Pool pool = must_start(options);
  Fewest fewest{pool};
  Load load{pool};
  ASSERT_TRUE(wait_until(pool, [](const Status& status) { return status.workers_recycled >= 12; }))
      << describe(pool.status());
  expect_no_request_failed(pool, load);
  EXPECT_GE(fewest.count(), 4U);
  const Status status = pool.status();
  EXPECT_LE(status.idle + status.busy + status.starting, 5U)
      << "those that are on their way out may take their time: " << describe(status);
}

TEST(Retirement, DoesNotKeepAResizeFromBeingDone) {
  Options options = forked(mock_options(2));
  options.retire_after_requests = 1;  // somebody is always on the way out
  Pool pool = must_start(options);
  Load load{pool};
  for (const std::uint32_t size : {4U, 1U, 3U}) {
    const auto resized = pool.resize(size, patience);
    EXPECT_TRUE(resized) << resized.error().message;
  }
  expect_no_request_failed(pool, load);
}

TEST(Retirement, ByAgeHappensToIdleWorkersToo) {
  Options options = mock_options(2);
  options.retire_after = 300ms;
  Pool pool = must_start(options);
  Fewest fewest{pool};
  EXPECT_TRUE(wait_until(pool, [](const Status& status) { return status.workers_recycled >= 2; }));
  EXPECT_GE(fewest.count(), 2U);
  EXPECT_EQ(pool.status().workers_lost, 0U);
}

TEST(Retirement, OfAWorkerWhoseMemoryGrowsSteadilyAndOfNoOther) {
  Options options = mock_options(2);
  options.retire_rss_growth_kib = 20'000;  // for each 100 requests; it leaks 1 MiB in each
  options.retire_rss_window = 40;
  options.retire_rss_interval = 5ms;
  Pool pool = must_start(options);
  auto leaky = pool.checkout({.deadline = patience});
  ASSERT_TRUE(leaky);
  const std::uint64_t worker = leaky->worker();
  leaky->release();
  std::mutex mutex;
  std::vector<std::string> reasons;
  const Subscription subscription = pool.subscribe([&](const PoolEvent& event) {
    const std::lock_guard lock{mutex};
    if (event.what == "worker_retiring") reasons.emplace_back(event.reason);
  });
  // The most recently used worker gets the next call: all of these go to one.
  for (int i = 0; i < 400 && pool.status().workers_recycled == 0; ++i) {
    ASSERT_TRUE(pool.call("grow_memory", Json{{"mb", 1}}, {.deadline = patience}));
  }
  EXPECT_TRUE(
      wait_until(pool, [&](const Status& status) { return serials(status).count(worker) == 0; }));
  EXPECT_EQ(pool.status().workers_recycled, 1U);
  const std::lock_guard lock{mutex};
  EXPECT_EQ(reasons, std::vector<std::string>{"memory_growth"});
}

TEST(Retirement, OfAWorkerThatCrashesOnItsWayOutTheCertificateSaysWhyItWasToGo) {
  Pool pool = must_start(mock_options(1));
  auto lease = pool.checkout({.deadline = patience});
  ASSERT_TRUE(lease);
  std::thread operator_thread{[&] { (void)pool.drain_worker(lease->worker(), patience); }};
  // Its successor is there: it only finishes what it has.
  EXPECT_TRUE(wait_until(pool, [&](const Status& status) { return status.idle == 1; }));
  const auto crashed = lease->call("crash", Json::object(), {.deadline = patience});
  operator_thread.join();
  ASSERT_FALSE(crashed);
  ASSERT_NE(crashed.error().certificate, nullptr);
  EXPECT_EQ(crashed.error().certificate->retired_for, "drained");
}

TEST(Retirement, RecycledAndCrashedLookDifferentInTheirCertificates) {
  Options options = mock_options(1);
  options.retire_after_requests = 1;
  options.start_timeout = 10 * patience;
  Pool pool = must_start(options);
  // It is marked with its first answer; while its successor starts it crashes: that is no
  // recycling.
  const auto crashed = pool.call("crash", Json{{"code", 3}}, {.deadline = patience});
  ASSERT_FALSE(crashed);
  ASSERT_TRUE(crashed.error().certificate);
  EXPECT_EQ(crashed.error().certificate->retired_for, "");
  EXPECT_THAT(crashed.error().message, Not(HasSubstr("recycled")));
  DeathCertificate recycled;
  recycled.status_known = true;
  recycled.exit_code = 0;
  recycled.retired_for = "requests_max";
  EXPECT_THAT(recycled.summary(), HasSubstr("recycled (requests_max): exited with status 0"));
}

}  // namespace
}  // namespace ordeal::pool
