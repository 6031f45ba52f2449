// Circuit breakers with real workers: what callers and operators of a pool see of them.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstdlib>
#include <mutex>
#include <utility>

#include "pool/runtime/tests/support.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool {
namespace {

using ::testing::HasSubstr;

// Opens at 20 failures in a row, for a minute, far longer than any test here lasts.
Options guarded(std::uint32_t size) {
  Options options = script_options(size, TESTS_FOLDER "/breaker_bridge.py");
  options.environment["PYTHON_MOCK"] = PYTHON_MOCK;
  options.breaker.enabled = true;
  options.breaker.failures = 20;
  return options;
}

// So that trials are let through as soon as somebody calls again.
Options quick(std::uint32_t size) {
  Options options = guarded(size);
  options.breaker.failures = 2;
  options.breaker.successes = 1;
  options.breaker.half_open_max = 1;
  options.breaker.open = options.breaker.open_max = 1ms;
  return options;
}

ErrorCode call(Pool& pool, const char* command, const CallOptions& options = {}) {
  return code_of(pool.call(command, Json::object(), options));
}

BreakerStatus circuit(const Pool& pool, const char* key) {
  return pool.breaker(key).status().value();
}

// A locked file, for which calls of `hold` wait.
class Hold {
 public:
  Hold() {
    EXPECT_GE(descriptor_, 0);
    EXPECT_EQ(::flock(descriptor_, LOCK_EX), 0);
  }
  ~Hold() {
    open();
    ::unlink(path_);
  }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  // Lets all go that wait, and all that come.
  void open() {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  }
  [[nodiscard]] Json arguments() const { return {{"file", path_}}; }

 private:
  char path_[32] = "/tmp/ordeal-breaker-XXXXXX";
  int descriptor_ = ::mkostemp(path_, O_CLOEXEC);
};

TEST(Breaker, TwentyReturnedErrorsInARowOpenItAndTheNextCallReachesNoWorker) {
  cites(32, 34);  // defect a
  Pool pool = must_start(guarded(1));
  for (int i = 0; i < 19; ++i) ASSERT_EQ(call(pool, "fault"), ErrorCode::application_error);
  EXPECT_EQ(circuit(pool, "fault").state, CircuitState::closed);
  ASSERT_EQ(call(pool, "fault"), ErrorCode::application_error);
  EXPECT_EQ(circuit(pool, "fault").state, CircuitState::open);
  const auto served = pool.status().workers.at(0).served;
  const auto refused = pool.call("fault", Json::object());
  ASSERT_EQ(code_of(refused), ErrorCode::circuit_open) << describe(refused);
  EXPECT_EQ(refused.error().category(), ErrorCategory::resource);  // defect d
  EXPECT_EQ(refused.error().certainty(), Certainty::failed);
  ASSERT_TRUE(refused.error().retry_after);
  EXPECT_GT(*refused.error().retry_after, 0s);
  EXPECT_LE(*refused.error().retry_after, 60s);
  EXPECT_THAT(refused.error().message, HasSubstr("open for another"));
  EXPECT_EQ(pool.status().workers.at(0).served, served);
  EXPECT_EQ(call(pool, "echo"), ErrorCode::none) << "another command, another circuit";
  expect_sum(pool.status());
}

TEST(Breaker, TheCallersOwnMistakesDoNotCount) {
  cites(34);
  Pool pool = must_start(guarded(1));
  for (int i = 0; i < 25; ++i) {
    ASSERT_EQ(call(pool, "mistake"), ErrorCode::application_error);
    ASSERT_EQ(call(pool, "no such command"), ErrorCode::application_error);
  }
  EXPECT_EQ(circuit(pool, "mistake").failures, 0U);
  EXPECT_EQ(circuit(pool, "no such command").failures, 0U);
}

TEST(Breaker, WhichErrorsAreTheCallersIsAnOption) {
  cites(34);
  Options options = guarded(1);
  options.breaker.caller_errors = {"OutOfPaper"};
  Pool pool = must_start(options);
  ASSERT_EQ(call(pool, "unusual"), ErrorCode::application_error);
  ASSERT_EQ(call(pool, "mistake"), ErrorCode::application_error);
  EXPECT_EQ(circuit(pool, "unusual").failures, 0U);
  EXPECT_EQ(circuit(pool, "mistake").failures, 1U);
}

TEST(Breaker, CrashesAndDeadlinesCountToo) {
  cites(34);
  Pool pool = must_start(guarded(1));
  Hold hold;
  EXPECT_EQ(call(pool, "crash", {.deadline = patience, .breaker_key = "k"}),
            ErrorCode::worker_died);
  EXPECT_EQ(circuit(pool, "k").failures, 1U);
  ASSERT_TRUE(wait_until(pool, is_whole));
  const auto late = pool.call("hold", hold.arguments(), {.deadline = 50ms, .breaker_key = "k"});
  EXPECT_EQ(code_of(late), ErrorCode::call_timeout);
  EXPECT_EQ(circuit(pool, "k").failures, 2U);
}

TEST(Breaker, FourSlowCircuitsDoNotDelayOneAnother) {
  cites(36);  // defect b: 407 ms for four calls of 100 ms
  Pool pool = must_start(guarded(4));
  Hold hold;
  {
    Caller one(pool, "hold", hold.arguments(), {.deadline = patience, .breaker_key = "one"});
    Caller two(pool, "hold", hold.arguments(), {.deadline = patience, .breaker_key = "two"});
    Caller three(pool, "hold", hold.arguments(), {.deadline = patience, .breaker_key = "three"});
    Caller four(pool, "hold", hold.arguments(), {.deadline = patience, .breaker_key = "four"});
    EXPECT_TRUE(wait_until(pool, [](const Status& s) { return s.busy == 4; }))
        << "all four run at one time";
    hold.open();
  }
}

TEST(Breaker, ClosesAgainWhenItsTrialsSucceedAlsoIfMoreAreWantedThanRunAtOnce) {
  cites(31, 33);  // defect c
  Options options = quick(1);
  options.breaker.successes = 5;
  Pool pool = must_start(options);
  const CallOptions keyed{.deadline = patience, .breaker_key = "k"};
  for (int i = 0; i < 2; ++i) ASSERT_EQ(call(pool, "fault", keyed), ErrorCode::application_error);
  int succeeded = 0;
  while (succeeded < 5) {
    const ErrorCode code = call(pool, "echo", keyed);
    ASSERT_TRUE(code == ErrorCode::none || code == ErrorCode::circuit_open) << to_string(code);
    succeeded += code == ErrorCode::none;
  }
  EXPECT_EQ(circuit(pool, "k").state, CircuitState::closed);
  EXPECT_EQ(circuit(pool, "k").transitions, 3U);
}

// Opens it, and waits out its open period with calls that are refused.
void half_open(Pool& pool, const CallOptions& keyed) {
  for (int i = 0; i < 2; ++i) ASSERT_EQ(call(pool, "fault", keyed), ErrorCode::application_error);
  // A caller's mistake is neutral: it makes the circuit half-open and decides nothing.
  ErrorCode code = ErrorCode::circuit_open;
  while (code == ErrorCode::circuit_open) code = call(pool, "mistake", keyed);
  ASSERT_EQ(code, ErrorCode::application_error);
  ASSERT_EQ(pool.breaker(std::string{keyed.breaker_key}).status()->state, CircuitState::half_open);
}

TEST(Breaker, ATrialWhoseWorkerIsKilledGivesItsPermitBack) {
  cites(33);
  Pool pool = must_start(quick(1));
  const CallOptions keyed{.deadline = patience, .breaker_key = "k"};
  half_open(pool, keyed);
  EXPECT_EQ(call(pool, "crash", keyed), ErrorCode::worker_died);
  EXPECT_EQ(circuit(pool, "k").opened, 2U);
  EXPECT_EQ(circuit(pool, "k").trials, 0U);
  ASSERT_TRUE(wait_until(pool, is_whole));
  ErrorCode code = ErrorCode::circuit_open;
  while (code == ErrorCode::circuit_open) code = call(pool, "echo", keyed);
  EXPECT_EQ(code, ErrorCode::none);
  EXPECT_EQ(circuit(pool, "k").state, CircuitState::closed);
}

TEST(Breaker, ATrialThatIsCancelledGivesItsPermitBackAndDecidesNothing) {
  cites(33);
  Pool pool = must_start(quick(2));
  const CallOptions keyed{.deadline = patience, .breaker_key = "k"};
  half_open(pool, keyed);
  Hold hold;
  std::stop_source stop;
  CallOptions cancelled = keyed;
  cancelled.stop_token = stop.get_token();
  Caller trial(pool, "hold", hold.arguments(), cancelled);
  ASSERT_TRUE(wait_until(pool, [](const Status& s) { return s.busy == 1; }));
  EXPECT_EQ(call(pool, "echo", keyed), ErrorCode::circuit_half_open_limit);
  stop.request_stop();
  // Granted, and perhaps not yet written.
  const ErrorCode code = code_of(trial.join());
  EXPECT_TRUE(code == ErrorCode::cancelled_in_flight || code == ErrorCode::cancelled);
  EXPECT_EQ(circuit(pool, "k").state, CircuitState::half_open);
  EXPECT_EQ(call(pool, "echo", keyed), ErrorCode::none);
  EXPECT_EQ(circuit(pool, "k").state, CircuitState::closed);
}

TEST(Breaker, ATrialThatHangsDoesNotKeepItHalfOpenAndItsAnswerIsStale) {
  cites(33, 35);
  Options options = quick(2);
  options.breaker.half_open = 50ms;
  Pool pool = must_start(options);
  const CallOptions keyed{.deadline = patience, .breaker_key = "k"};
  half_open(pool, keyed);
  Hold hold;
  Caller trial(pool, "hold", hold.arguments(), keyed);
  // By itself, with nobody asking: the event of it makes wait_until look.
  ASSERT_TRUE(wait_until(
      pool, [](const Status& s) { return !s.breakers.empty() && s.breakers[0].opened == 2; }));
  hold.open();
  EXPECT_EQ(code_of(trial.join()), ErrorCode::none) << "its caller gets the answer all the same";
  EXPECT_EQ(circuit(pool, "k").stale_results, 1U);
}

TEST(Breaker, AnOperatorHoldsItOpenSwitchesItOffAndLetsItWorkAgain) {
  cites_property(9);
  Pool pool = must_start(quick(1));
  Breaker breaker = pool.breaker("echo");
  ASSERT_TRUE(breaker.force_open());
  const auto refused = pool.call("echo", Json::object());
  EXPECT_EQ(code_of(refused), ErrorCode::circuit_open);
  EXPECT_FALSE(refused.error().retry_after);
  EXPECT_THAT(refused.error().message, HasSubstr("by hand"));
  ASSERT_TRUE(breaker.enable());
  EXPECT_EQ(call(pool, "echo"), ErrorCode::none);
  Breaker fault = pool.breaker("fault");
  ASSERT_TRUE(fault.disable());
  for (int i = 0; i < 5; ++i) EXPECT_EQ(call(pool, "fault"), ErrorCode::application_error);
  EXPECT_EQ(fault.status()->failures, 0U);
  ASSERT_TRUE(fault.observe());
  for (int i = 0; i < 5; ++i) EXPECT_EQ(call(pool, "fault"), ErrorCode::application_error);
  EXPECT_EQ(fault.status()->would_have_opened, 2U);
  ASSERT_TRUE(fault.reset());
  EXPECT_EQ(fault.status()->state, CircuitState::closed);
}

TEST(Breaker, ItsEventsSayWhichCircuitAfterHowManyFailuresAndForHowLong) {
  Options options = guarded(1);
  options.breaker.failures = 3;
  Pool pool = must_start(options);
  std::mutex mutex;
  std::vector<PoolEvent> events;
  Signal closed;
  const Subscription subscription = pool.subscribe([&](const PoolEvent& event) {
    if (!event.what.starts_with("breaker_")) return;
    const std::lock_guard lock{mutex};
    events.push_back(event);
    if (event.what == "breaker_ordered") closed.set();
  });
  for (int i = 0; i < 3; ++i) (void)call(pool, "fault");
  ASSERT_TRUE(pool.breaker("fault").reset());
  ASSERT_TRUE(closed.wait());
  const std::lock_guard lock{mutex};
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].what, "breaker_opened");
  EXPECT_EQ(events[0].breaker, "fault");
  EXPECT_EQ(events[0].from, "closed");
  EXPECT_EQ(events[0].to, "open");
  EXPECT_EQ(events[0].count, 3U);  // defect f
  EXPECT_EQ(events[0].duration, 60s);
  EXPECT_EQ(events[1].to, "closed");
}

TEST(Breaker, KeysThatCallersInventTakeNoMoreThanTheirPlaces) {
  Options options = quick(1);
  options.breaker.circuits_max = 4;
  options.breaker.open = options.breaker.open_max = 1min;
  Pool pool = must_start(options);
  for (int i = 0; i < 100; ++i) {
    const std::string key = "key " + std::to_string(i);
    ASSERT_EQ(call(pool, "echo", {.deadline = patience, .breaker_key = key}), ErrorCode::none);
  }
  EXPECT_EQ(pool.status().breakers.size(), 4U);
  EXPECT_EQ(pool.status().calls_unguarded, 0U) << "idle ones make room";
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(pool.breaker("key " + std::to_string(i)).force_open());
  EXPECT_EQ(call(pool, "echo"), ErrorCode::none) << "no place left: not guarded";
  EXPECT_EQ(pool.status().calls_unguarded, 1U);
  EXPECT_EQ(pool.breaker("another").force_open().error().code, ErrorCode::invalid_option);
}

TEST(Breaker, WithoutItAKeyIsRefusedAndErrorsOpenNothing) {
  Options options = guarded(1);
  options.breaker.enabled = false;
  Pool pool = must_start(options);
  EXPECT_EQ(call(pool, "echo", {.breaker_key = "k"}), ErrorCode::invalid_option);
  EXPECT_FALSE(pool.breaker("k").force_open());
  for (int i = 0; i < 25; ++i) ASSERT_EQ(call(pool, "fault"), ErrorCode::application_error);
  EXPECT_TRUE(pool.status().breakers.empty());
}

TEST(Breaker, OneForThePoolIsKnownByThePoolsName) {
  Options options = guarded(1);
  options.breaker.key = BreakerKey::pool;
  options.breaker.failures = 2;
  options.name = "models";
  Pool pool = must_start(options);
  (void)call(pool, "fault");
  (void)call(pool, "unusual");
  EXPECT_EQ(call(pool, "echo"), ErrorCode::circuit_open);
  EXPECT_EQ(circuit(pool, "models").state, CircuitState::open);
}

}  // namespace
}  // namespace ordeal::pool
