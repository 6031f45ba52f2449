// Starts that fail, hang, babble or dawdle: a definite error soon, a bounded rate, and recovery by
// itself when the cause is gone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <mutex>

#include "pool/runtime/tests/support.hpp"
#include "testing/cites/cites.hpp"
#include "testing/leaks/leak_listener.hpp"

namespace ordeal::pool {
namespace {

using ::testing::HasSubstr;

// The file in which failing starts count themselves; gone at the end of the test.
class StartState {
 public:
  ~StartState() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  [[nodiscard]] std::vector<std::string> failing(int times) const {
    return {"--start-fail", std::to_string(times), "--start-state", path_};
  }

 private:
  std::string path_ = trial::temp_folder() + "/starts";
};

// Pool::start that must fail; what it says.
Error must_not_start(const Options& options) {
  const auto begun = steady_clock::now();
  const auto pool = Pool::start(recorded(options));
  EXPECT_LT(steady_clock::now() - begun, 5s);
  return pool ? make_error(ErrorCode::none, "it has started") : pool.error();
}

TEST(Start, RecoversFromStartsThatFailTwice) {
  cites(3, 8);
  cites_bug_class(5, 9);
  const StartState state;
  Options options = mock_options(1, state.failing(2));
  options.start_failures_max = 3;
  Pool pool = must_start(options);
  const Status status = pool.status();
  EXPECT_EQ(status.start_failures, 2U);
  EXPECT_EQ(status.spawns, 3U);
  EXPECT_EQ(status.workers_lost, 0U) << "a death before ready is told apart from later ones";
  expect_whole(pool);
}

TEST(Start, ThatAlwaysFailsIsADefiniteErrorWithTheWorkersLastWords) {
  cites(8);
  cites_bug_class(9);
  const Error error =
      must_not_start(mock_options(2, {"--start-fail", "always", "--start-exit-code", "9"}));
  EXPECT_EQ(to_string(error.code), to_string(ErrorCode::start_exited)) << error.message;
  EXPECT_THAT(error.message, HasSubstr("did not become ready"));
  EXPECT_THAT(error.message, HasSubstr("exited with status 9"));
  ASSERT_NE(error.certificate, nullptr);
  EXPECT_TRUE(error.certificate->before_ready);
  EXPECT_EQ(error.certificate->exit_code, 9);
  EXPECT_THAT(error.certificate->stderr_tail, HasSubstr("this start fails as scripted"));
}

TEST(Start, ThatHangsIsKilledAtItsTimeOut) {
  cites(8, 10);
  cites_bug_class(9);
  Options options = mock_options(2, {"--start-hang"});
  options.start_timeout = 250ms;
  options.start_failures_max = 2;
  const Error error = must_not_start(options);
  EXPECT_EQ(to_string(error.code), to_string(ErrorCode::start_timeout)) << error.message;
  EXPECT_THAT(error.message, HasSubstr("not ready within start_timeout"));
  ASSERT_NE(error.certificate, nullptr);
  EXPECT_TRUE(error.certificate->killed_by_pool);
}

TEST(Start, AwaitsAsManyWorkersAsItIsTold) {
  for (const auto& [how, ready_min] :
       {std::pair{AwaitReady::one, 1U}, std::pair{AwaitReady::all, 3U}}) {
    Options options = mock_options(3);
    options.await_ready = how;
    const Pool pool = must_start(options);
    EXPECT_GE(pool.status().idle, ready_min);
  }
}

TEST(Start, ThatHangsIsKilledBeforeAnotherIsLaunched) {
  cites(1);
  cites_bug_class(9);
  Options options = mock_options(1, {"--start-hang"});
  options.start_timeout = 100ms;
  options.await_ready = AwaitReady::none;
  Pool pool = must_start(options);
  std::uint32_t most = 0;
  EXPECT_TRUE(wait_until(pool, [&](const Status& status) {
    most = std::max<std::uint32_t>(most, static_cast<std::uint32_t>(status.workers.size()));
    return status.spawns >= 4;
  }));
  EXPECT_EQ(most, 1U) << "two processes at once for one place";
}

TEST(Start, ThatBabblesIsAFailedHandshake) {
  cites(14);
  cites_bug_class(14);
  const Error error = must_not_start(mock_options(1, {"--start-garbage"}));
  EXPECT_EQ(to_string(error.code), to_string(ErrorCode::handshake_failed)) << error.message;
  EXPECT_THAT(error.message, HasSubstr("exceeds frame_bytes_max"));
  EXPECT_FALSE(error.excerpt.empty());
}

TEST(Start, OfAProgramThatDoesNotExistNamesIt) {
  Options options = mock_options(1);
  options.command = {"/no/such/program"};
  const Error error = must_not_start(options);
  EXPECT_EQ(to_string(error.code), to_string(ErrorCode::spawn_failed)) << error.message;
  EXPECT_THAT(error.message, HasSubstr("/no/such/program"));
}

TEST(Start, OfAProgramThatIsNoWorkerIsADefiniteError) {
  Options options = mock_options(1);
  options.command = {"/bin/true"};
  const Error error = must_not_start(options);
  EXPECT_EQ(to_string(error.code), to_string(ErrorCode::start_exited)) << error.message;
}

TEST(Start, RefusesOptionsThatMakeNoSense) {
  Options options = mock_options(0);
  const Error error = must_not_start(options);
  EXPECT_EQ(error.code, ErrorCode::invalid_option);
  EXPECT_THAT(error.message, HasSubstr("size"));
}

TEST(Start, WaitersOfAPoolThatCannotStartGetADefiniteErrorLongBeforeTheirDeadline) {
  cites(8);
  cites_bug_class(9);
  Options options = mock_options(2, {"--start-fail", "always"});
  options.await_ready = AwaitReady::none;
  Pool pool = must_start(options);
  Caller waiting{pool, "echo", Json::object(), {.deadline = patience}};
  EXPECT_EQ(to_string(code_of(waiting.join())), to_string(ErrorCode::workers_unavailable));
  EXPECT_THAT(waiting.join().error().message, HasSubstr("starts keep failing"));
  EXPECT_THAT(waiting.join().error().message, HasSubstr("exited with status 1"));
  EXPECT_LT(waiting.took(), 5s);
  // And from now on at once.
  const auto begun = steady_clock::now();
  const auto refused = pool.call("echo", Json::object(), {.deadline = patience});
  EXPECT_EQ(code_of(refused), ErrorCode::workers_unavailable) << describe(refused);
  EXPECT_LT(steady_clock::now() - begun, 500ms);
  EXPECT_TRUE(pool.status().start_circuit_open);
  expect_sum(pool.status());
}

TEST(Start, FailuresBackOffByTheLawAndNeverMakeAHotLoop) {
  cites(8, 39);
  cites_bug_class(9);
  Options options = mock_options(1, {"--start-fail", "always"});
  options.await_ready = AwaitReady::none;
  options.start_backoff_base = 20ms;
  options.start_backoff_max = 60ms;
  std::mutex mutex;
  std::vector<steady_clock::time_point> spawned;
  std::vector<std::pair<steady_clock::time_point, std::chrono::nanoseconds>> pauses;
  Signal enough;
  Pool pool = must_start(options);
  const Subscription subscription = pool.subscribe([&](const PoolEvent& event) {
    const std::lock_guard lock{mutex};
    if (event.what == "worker_spawning") spawned.push_back(event.at);
    if (event.what == "start_backing_off") pauses.emplace_back(event.at, event.duration);
    if (spawned.size() == 8) enough.set();
  });
  EXPECT_TRUE(enough.wait());
  const std::lock_guard lock{mutex};
  for (std::size_t i = 0; i < pauses.size(); ++i) {
    EXPECT_GT(pauses[i].second, 0ns);
    EXPECT_LE(pauses[i].second, options.start_backoff_max);
    const auto next = std::find_if(spawned.begin(), spawned.end(),
                                   [&](const auto& at) { return at >= pauses[i].first; });
    if (next != spawned.end()) {
      EXPECT_GE(*next - pauses[i].first, pauses[i].second);
    }
  }
}

// What this process and its reaped children have computed.
std::chrono::microseconds processor_time() {
  std::chrono::microseconds sum{0};
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage{};
    EXPECT_EQ(getrusage(who, &usage), 0);
    for (const timeval& time : {usage.ru_utime, usage.ru_stime}) {
      sum += std::chrono::seconds{time.tv_sec} + std::chrono::microseconds{time.tv_usec};
    }
  }
  return sum;
}

// Issue 4, judged point 4.
TEST(Start, ThatFailsForEverCostsNextToNothingAndRecoversWhenTheCauseGoesAway) {
  cites(3, 8);
  cites_bug_class(9);
  const std::string cause = trial::temp_folder() + "/cause";
  std::ofstream{cause} << "no licence\n";
  Options options = mock_options(4);
  std::string worker = "test -e " + cause + " && exit 7; exec";
  for (const std::string& word : options.command) worker += " '" + word + "'";
  options.command = {"/bin/sh", "-c", worker};
  options.await_ready = AwaitReady::none;
  options.start_backoff_base = 50ms;
  options.start_backoff_max = 250ms;
  Pool pool = must_start(options);
  ASSERT_TRUE(wait_until(pool, [](const Status& status) { return status.start_circuit_open; }));
  const std::uint64_t spawns_before = pool.status().spawns;
  const auto cpu_before = processor_time();
  const auto begun = steady_clock::now();
  for (int i = 0; i < 10; ++i) {
    const auto call = pool.call("echo", Json::object(), {.deadline = patience});
    EXPECT_EQ(code_of(call), ErrorCode::workers_unavailable) << describe(call);
  }
  EXPECT_LT(steady_clock::now() - begun, patience) << "at once, not at the deadline";
  ASSERT_TRUE(
      wait_until(pool, [&](const Status& status) { return status.spawns >= spawns_before + 6; }));
  const auto wall = steady_clock::now() - begun;
  const auto computed = processor_time() - cpu_before;
  // One attempt at a time, whatever the size, each behind a pause of half the cap at least.
  const auto attempts = pool.status().spawns - spawns_before;
  EXPECT_GE(wall, (attempts - 2) * options.start_backoff_max / 2) << attempts << " starts";
  EXPECT_LT(computed * 4, wall) << computed.count() << " µs computed in " << wall / 1us << " µs";
  std::filesystem::remove(cause);
  EXPECT_TRUE(wait_until(pool, is_whole));
  EXPECT_FALSE(pool.status().start_circuit_open);
  expect_whole(pool);
}

// What ends by itself as soon as it is ready is no worker; what somebody kills may well be one.
TEST(Start, OfWorkersThatEndByThemselvesBacksOffAndOfKilledOnesDoesNot) {
  cites(8);
  cites_bug_class(9);
  for (const int signal : {SIGALRM, SIGKILL}) {
    Options options = mock_options(1);
    options.start_backoff_base = 1ms;
    options.start_backoff_max = 30s;  // dying sooner than this is dying early
    Pool pool = must_start(options);
    std::atomic<int> pauses{0};
    const Subscription subscription = pool.subscribe(
        [&](const PoolEvent& event) { pauses += event.what == "start_backing_off" ? 1 : 0; });
    for (int i = 0; i < 3; ++i) {
      const WorkerStatus worker = pool.status().workers.at(0);
      ASSERT_EQ(kill(worker.pid, signal), 0);
      ASSERT_TRUE(wait_until(pool, [&](const Status& status) {
        return is_whole(status) && status.workers.at(0).worker != worker.worker;
      }));
    }
    EXPECT_TRUE(pool.stop(0ms));  // by then every event has been told
    EXPECT_EQ(pauses > 0, signal == SIGALRM) << pauses;
  }
}

TEST(Start, CircuitClosesByItselfWhenTheCauseIsGone) {
  cites(8);
  cites_bug_class(5, 9);
  const StartState state;
  Options options = mock_options(1, state.failing(4));
  options.await_ready = AwaitReady::none;
  options.start_failures_max = 2;
  Pool pool = must_start(options);
  EXPECT_EQ(code_of(pool.call("echo", Json::object(), {.deadline = patience})),
            ErrorCode::workers_unavailable);
  EXPECT_TRUE(wait_until(pool, is_whole));
  EXPECT_FALSE(pool.status().start_circuit_open);
  expect_whole(pool);
}

TEST(Start, CallersOfAPoolThatAwaitsNobodyWaitForTheFirstWorker) {
  Options options = mock_options(1, {"--start-delay-ms", "150"});
  options.await_ready = AwaitReady::none;
  Pool pool = must_start(options);
  EXPECT_EQ(pool.status().idle, 0U);
  EXPECT_TRUE(echoes(pool, {.deadline = patience}));
  expect_whole(pool);
}

TEST(Start, AwaitsOneIfToldSo) {
  const StartState state;
  Options options = mock_options(3);
  options.starts_parallel_max = 1;
  options.await_ready = AwaitReady::one;
  Pool pool = must_start(options);
  EXPECT_TRUE(echoes(pool, {.deadline = patience}));
  expect_whole(pool);
}

TEST(Start, ThatHangsDoesNotHoldUpAStop) {
  cites(10);
  cites_bug_class(12);
  Options options = mock_options(3, {"--start-hang"});
  options.await_ready = AwaitReady::none;
  Pool pool = must_start(options);
  Caller waiting{pool, "echo", Json::object(), {.deadline = patience}};
  EXPECT_TRUE(
      wait_until(pool, [](const Status& s) { return s.starting == 3 && s.queue_depth == 1; }));
  const auto begun = steady_clock::now();
  EXPECT_TRUE(pool.stop(patience));
  EXPECT_LT(steady_clock::now() - begun, 2s);
  EXPECT_EQ(code_of(waiting.join()), ErrorCode::pool_stopping);
}

std::size_t descriptors_of(int pid) {
  const std::filesystem::directory_iterator entries{"/proc/" + std::to_string(pid) + "/fd"};
  return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

// It looks through a description of its own: the pipe's other readers must not find it changed.
TEST(Start, AWorkerLooksForItsNextRequestIfItsPoolIsToldSo) {
  std::vector<std::size_t> descriptors;
  for (const std::uint32_t spin_us : {0U, 50U}) {
    Options options = mock_options(1);
    options.worker_spin_us = spin_us;
    Pool pool = must_start(options);
    for (int i = 0; i < 200; ++i) {
      const Json sent{{"i", i}};
      const auto reply = pool.call("echo", sent, {.deadline = patience});
      ASSERT_TRUE(reply) << describe(reply);
      EXPECT_EQ(Json::parse(reply->result_text).at("i"), i);
    }
    descriptors.push_back(descriptors_of(pool.status().workers.at(0).pid));
    expect_whole(pool);
  }
  EXPECT_EQ(descriptors.at(1), descriptors.at(0) + 1);
}

}  // namespace
}  // namespace ordeal::pool
