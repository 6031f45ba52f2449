// One circuit by itself: each rule as a sentence, and any walk against testing/model's naive one.
#include "pool/core/circuit_breaker.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <vector>

#include "testing/cites/cites.hpp"
#include "testing/model/naive_circuit.hpp"

namespace ordeal::pool::core {
namespace {

using namespace std::chrono_literals;
using Outcome = Circuit::Outcome;
using Reported = Circuit::Reported;
using Verdict = Circuit::Verdict;

// A circuit with a clock, whose changes are kept.
class Subject {
 public:
  explicit Subject(const CircuitOptions& given) : options(given), circuit(options, 7) {}

  Verdict call(Outcome outcome, Duration took = {}) {
    const auto acquired = circuit.acquire(now);
    if (acquired.verdict == Verdict::admitted) {
      now += took;
      circuit.report(acquired.epoch, outcome, took, now);
    }
    take();
    return acquired.verdict;
  }
  std::uint64_t begin() {
    const auto acquired = circuit.acquire(now);
    EXPECT_EQ(acquired.verdict, Verdict::admitted);
    take();
    return acquired.epoch;
  }
  Reported end(std::uint64_t epoch, Outcome outcome) {
    const auto reported = circuit.report(epoch, outcome, {}, now);
    take();
    return reported;
  }
  void fail(int times) {
    for (int i = 0; i < times; ++i) call(Outcome::failure);
  }
  void order(CircuitOrder what) {
    circuit.order(what, now);
    take();
  }
  void take() {
    while (const auto change = circuit.take_change()) changes.push_back(*change);
  }
  [[nodiscard]] CircuitState state() const { return circuit.state(); }

  const CircuitOptions options;
  Circuit circuit;
  Instant now{1s};
  std::vector<Circuit::Change> changes;
};

TEST(CircuitBreaker, OpensAtTheFailureThatMakesTheRowLongEnough) {
  cites(31);
  Subject s({.failures = 3});
  s.fail(2);
  s.call(Outcome::success);  // ends the row
  s.fail(2);
  EXPECT_EQ(s.state(), CircuitState::closed);
  s.call(Outcome::neutral);  // does not
  s.fail(1);
  EXPECT_EQ(s.state(), CircuitState::open);
  ASSERT_EQ(s.changes.size(), 1U);
  EXPECT_EQ(s.changes[0].failures, 3U) << "defect f: the event says after how many failures";
  EXPECT_EQ(s.changes[0].retry_after, 60s);
}

TEST(CircuitBreaker, AdmitsNothingBeforeTheOpenPeriodIsOverAndATrialAtThatInstant) {
  cites(31, 32);
  cites_property(4);
  Subject s({.failures = 1, .open_base = 60s});
  s.fail(1);
  s.now += 60s - 1ns;
  EXPECT_EQ(s.call(Outcome::success), Verdict::open);
  EXPECT_EQ(s.state(), CircuitState::open);
  s.now += 1ns;
  EXPECT_EQ(s.call(Outcome::success), Verdict::admitted);
  EXPECT_EQ(s.state(), CircuitState::half_open);
}

TEST(CircuitBreaker, ClosesAfterSuccessesAndOneFailedTrialOpensItAgain) {
  cites(31);
  Subject s({.failures = 1, .successes = 2, .open_base = 1s});
  s.fail(1);
  s.now += 1s;
  s.call(Outcome::success);
  EXPECT_EQ(s.state(), CircuitState::half_open);
  s.call(Outcome::failure);
  EXPECT_EQ(s.state(), CircuitState::open);
  s.now += 1s;
  s.call(Outcome::success);
  s.call(Outcome::success);
  EXPECT_EQ(s.state(), CircuitState::closed);
  EXPECT_EQ(s.circuit.epoch(), 6U);
  EXPECT_EQ(s.changes.size(), 5U);
}

TEST(CircuitBreaker, WithMoreSuccessesToCloseThanTrialsAtOnceItClosesAllTheSame) {
  cites(33);  // defect c: DSPex stuck half-open for ever
  cites_property(1, 2);
  cites_bug_class(15);
  Subject s({.failures = 1, .successes = 7, .half_open_max = 2, .open_base = 1s});
  s.fail(1);
  s.now += 1s;
  for (int i = 0; i < 3; ++i) {
    const auto one = s.begin();
    const auto two = s.begin();
    EXPECT_EQ(s.circuit.ask(s.now), Verdict::half_open_limit);
    s.end(one, Outcome::success);
    s.end(two, Outcome::success);
  }
  EXPECT_EQ(s.state(), CircuitState::half_open);
  s.call(Outcome::success);
  EXPECT_EQ(s.state(), CircuitState::closed);
}

TEST(CircuitBreaker, NeutralTrialsGiveTheirPermitsBackHoweverMany) {
  cites(33);
  cites_property(1, 2);
  cites_bug_class(15);
  Subject s({.failures = 1, .successes = 2, .half_open_max = 2, .open_base = 1s});
  s.fail(1);
  s.now += 1s;
  for (int i = 0; i < 100; ++i) EXPECT_EQ(s.call(Outcome::neutral), Verdict::admitted);
  const auto one = s.begin();
  const auto two = s.begin();
  EXPECT_EQ(s.circuit.ask(s.now), Verdict::half_open_limit);
  s.end(one, Outcome::neutral);
  EXPECT_EQ(s.circuit.ask(s.now), Verdict::admitted);
  s.end(two, Outcome::success);
  s.call(Outcome::success);
  EXPECT_EQ(s.state(), CircuitState::closed);
}

TEST(CircuitBreaker, HalfOpenEndsAlsoIfEveryTrialHangs) {
  cites(33);
  cites_property(3);
  cites_bug_class(15);
  Subject s({.failures = 1, .half_open_max = 1, .half_open_expiry = 5s, .open_base = 1s});
  s.fail(1);
  s.now += 1s;
  const auto hangs = s.begin();
  s.now += 5s - 1ns;
  EXPECT_EQ(s.circuit.ask(s.now), Verdict::half_open_limit);
  s.now += 1ns;
  EXPECT_EQ(s.circuit.ask(s.now), Verdict::open);
  s.take();
  EXPECT_EQ(s.state(), CircuitState::open);
  EXPECT_EQ(s.end(hangs, Outcome::success), Reported::stale);
  s.now += 1s;
  EXPECT_EQ(s.call(Outcome::success), Verdict::admitted);
}

TEST(CircuitBreaker, ALateResultChangesNothingButTheCountOfStaleOnes) {
  cites(35, 36);
  cites_property(6);
  Subject s({.failures = 2, .successes = 1, .open_base = 10s});
  const auto failing = s.begin();
  const auto succeeding = s.begin();
  s.fail(2);
  s.now += 4s;
  const Duration left = s.circuit.time_until_retry(s.now);
  EXPECT_EQ(left, 6s);
  EXPECT_EQ(s.end(failing, Outcome::failure), Reported::stale);
  EXPECT_EQ(s.circuit.time_until_retry(s.now), left) << "the open period is not extended";
  s.now += 6s;
  const auto trial = s.begin();
  EXPECT_EQ(s.end(succeeding, Outcome::success), Reported::stale);
  EXPECT_EQ(s.state(), CircuitState::half_open) << "a success of old does not close it";
  EXPECT_EQ(s.circuit.stale(), 2U);
  EXPECT_EQ(s.end(trial, Outcome::success), Reported::counted);
  EXPECT_EQ(s.state(), CircuitState::closed);
}

TEST(CircuitBreaker, OpenPeriodsGrowWithEachFailedTrialUpToTheirCapAndBeginAnewWhenItCloses) {
  cites(37);
  Subject s(
      {.failures = 1, .successes = 1, .open_base = 10s, .open_max = 35s, .growth_percent = 200});
  std::vector<Duration> periods;
  s.fail(1);
  for (int i = 0; i < 4; ++i) {
    periods.push_back(s.circuit.time_until_retry(s.now));
    s.now += periods.back();
    s.call(Outcome::failure);
  }
  EXPECT_EQ(periods, (std::vector<Duration>{10s, 20s, 35s, 35s}));
  s.now += 35s;
  s.call(Outcome::success);
  s.fail(1);
  EXPECT_EQ(s.circuit.time_until_retry(s.now), 10s);
}

TEST(CircuitBreaker, JitterLengthensAnOpenPeriodWithinItsCapAndComesFromTheSeed) {
  cites(37);
  cites_property(12);
  const CircuitOptions options{
      .failures = 1, .open_base = 10s, .open_max = 12s, .jitter_percent = 50};
  std::map<Duration, int> seen;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Circuit one(options, seed);
    Circuit same(options, seed);
    for (Circuit* c : {&one, &same}) {
      c->report(c->acquire(Instant{}).epoch, Outcome::failure, {}, Instant{});
    }
    const Duration period = one.time_until_retry(Instant{});
    EXPECT_EQ(period, same.time_until_retry(Instant{}));
    EXPECT_TRUE(period >= 10s && period <= 12s);
    ++seen[period];
  }
  EXPECT_GT(seen.size(), 90U);
}

TEST(CircuitBreaker, RatesTripOnTheResultThatFirstMeetsThemAndNotBelowMinCalls) {
  cites_property(5);  // defect e: no window, no rate
  Subject s(
      {.rule = BreakerRule::call_rate, .window_calls = 10, .min_calls = 5, .failure_percent = 50});
  s.fail(4);
  EXPECT_EQ(s.state(), CircuitState::closed);
  Subject mixed(s.options);
  for (int i = 0; i < 5; ++i) mixed.call(Outcome::success);
  mixed.fail(4);
  EXPECT_EQ(mixed.state(), CircuitState::closed);  // 4 of 9
  mixed.fail(1);                                   // 5 of 10
  EXPECT_EQ(mixed.state(), CircuitState::open);
  EXPECT_EQ(mixed.changes.at(0).failures, 5U);
  s.call(Outcome::success);  // 4 of 5: also a success may be the fifth call
  EXPECT_EQ(s.state(), CircuitState::open);
}

TEST(CircuitBreaker, SlowCallsTripItAndASlowTrialIsAFailedOne) {
  cites_property(5);
  Subject s({.rule = BreakerRule::time_rate,
             .successes = 1,
             .open_base = 1s,
             .window = 60s,
             .window_slices = 6,
             .min_calls = 4,
             .slow_call = 100ms,
             .slow_percent = 50});
  s.call(Outcome::success, 99ms);
  s.call(Outcome::success, 99ms);
  s.call(Outcome::success, 100ms);
  EXPECT_EQ(s.state(), CircuitState::closed);
  s.call(Outcome::success, 200ms);
  EXPECT_EQ(s.state(), CircuitState::open);
  s.now += 1s;
  s.call(Outcome::success, 100ms);
  EXPECT_EQ(s.state(), CircuitState::open);
  s.now += 1s;
  s.call(Outcome::success, 99ms);
  EXPECT_EQ(s.state(), CircuitState::closed);
}

TEST(CircuitBreaker, StatesSetByHandEndByHandAlone) {
  cites_property(9);
  Subject s({.failures = 2});
  s.order(CircuitOrder::force_open);
  s.now += 1h;
  EXPECT_EQ(s.call(Outcome::success), Verdict::open);
  EXPECT_EQ(s.circuit.time_until_retry(s.now), Duration::max());
  s.order(CircuitOrder::disable);
  s.fail(100);
  EXPECT_EQ(s.state(), CircuitState::disabled);
  s.order(CircuitOrder::observe);
  s.fail(4);
  EXPECT_EQ(s.state(), CircuitState::observe);
  EXPECT_EQ(s.circuit.would_have_opened(), 2U);
  s.order(CircuitOrder::enable);
  EXPECT_EQ(s.state(), CircuitState::closed);
  s.fail(1);
  EXPECT_EQ(s.state(), CircuitState::closed) << "what was seen before is forgotten";
  const auto epoch = s.circuit.epoch();
  s.order(CircuitOrder::enable);
  EXPECT_EQ(s.circuit.epoch(), epoch) << "nothing to enable";
}

TEST(CircuitBreaker, TrippedByOrderItOpensAsByItsRuleAndNoLongerThanThat) {
  cites(31, 36);
  cites_property(9);
  Subject s({.failures = 100, .successes = 1, .open_base = 1s});
  s.order(CircuitOrder::trip);
  EXPECT_EQ(s.state(), CircuitState::open);
  EXPECT_EQ(s.circuit.time_until_retry(s.now), 1s);
  s.now += 400ms;
  s.order(CircuitOrder::trip);
  EXPECT_EQ(s.circuit.time_until_retry(s.now), 600ms) << "not extended";
  s.now += 600ms;
  EXPECT_EQ(s.call(Outcome::success), Verdict::admitted);
  EXPECT_EQ(s.state(), CircuitState::closed);
  for (const auto by_hand :
       {CircuitOrder::force_open, CircuitOrder::disable, CircuitOrder::observe}) {
    s.order(by_hand);
    const CircuitState before = s.state();
    s.order(CircuitOrder::trip);
    EXPECT_EQ(s.state(), before) << "what an operator has set stays";
  }
}

TEST(CircuitBreaker, ResetFromAnyStateIsAFreshClosedCircuit) {
  cites(37);
  for (const int from : {0, 1, 2, 3, 4, 5}) {
    Subject s({.failures = 2, .successes = 1, .open_base = 1s, .growth_percent = 300});
    if (from == 1 || from == 2) {
      s.fail(2);
      s.now += 1s;
      s.call(Outcome::failure);
      if (from == 2) {
        s.now += 3s;
        (void)s.begin();
      }
    }
    if (from > 2) s.order(static_cast<CircuitOrder>(from - 3));
    ASSERT_EQ(static_cast<int>(s.state()), from);
    s.order(CircuitOrder::reset);
    EXPECT_EQ(s.state(), CircuitState::closed);
    EXPECT_EQ(s.circuit.time_until_retry(s.now), 0s);
    s.fail(1);
    EXPECT_EQ(s.state(), CircuitState::closed);
    s.fail(1);
    EXPECT_EQ(s.circuit.time_until_retry(s.now), 1s) << "from state " << from;
  }
}

CircuitOptions any_options() {
  CircuitOptions o;
  o.rule = static_cast<BreakerRule>(*rc::gen::inRange(0, 3));
  o.failures = *rc::gen::inRange(1U, 5U);
  o.successes = *rc::gen::inRange(1U, 6U);
  o.half_open_max = *rc::gen::inRange(1U, 4U);
  o.half_open_expiry = *rc::gen::element(1ms, 20ms, 3000ms);
  o.open_base = *rc::gen::element(1ms, 30ms, 200ms);
  o.open_max = 500ms;
  o.growth_percent = *rc::gen::element(100U, 150U, 400U);
  o.jitter_percent = *rc::gen::element(0U, 30U);
  o.window_calls = *rc::gen::inRange(1U, 12U);
  o.window = *rc::gen::element(4ms, 100ms);
  o.window_slices = *rc::gen::inRange(1U, 5U);
  o.min_calls = *rc::gen::inRange(1U, o.window_calls + 1);
  o.failure_percent = *rc::gen::element(10U, 50U, 67U, 100U);
  o.slow_call = *rc::gen::element(0ms, 5ms);
  o.slow_percent = *rc::gen::element(30U, 100U);
  return o;
}

trial::NaiveCircuit::Visits seen;

// Every edge but for those of the drawing, and those by hand.
bool is_allowed(const Circuit::Change& c) {
  using S = CircuitState;
  if (c.to >= S::forced_open) return c.from != c.to;
  if (c.to == S::open) return c.from == S::closed || c.from == S::half_open;
  if (c.to == S::half_open) return c.from == S::open;
  return true;  // reset
}

RC_GTEST_PROP(CircuitBreakerModel, AnyWalkIsThatOfTheNaiveOne, (std::uint64_t seed)) {
  cites(31, 32, 33, 35, 36, 37);
  cites_property(1, 2, 3, 4, 5, 6, 7, 8, 9);
  cites_bug_class(15);
  const CircuitOptions options = any_options();
  Circuit circuit(options, seed);
  trial::NaiveCircuit naive(options);
  struct Running {
    std::uint64_t epoch, permit;
    Instant began;
  };
  std::vector<Running> running;
  Instant now{Duration{*rc::gen::inRange<std::int64_t>(0, 1'000'000'000)}};
  const auto good = [](const char* sentence) {
    if (sentence != nullptr) RC_FAIL(sentence);
  };
  std::uint64_t changes = 0;
  Duration wait = Duration::max();
  for (const int step : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 1024))) {
    const std::uint64_t epoch = circuit.epoch();
    const int how = step / 16;
    switch (step % 16) {
      case 0:
        circuit.order(static_cast<CircuitOrder>(how % 6), now);
        naive.ordered(static_cast<CircuitOrder>(how % 6), now);
        break;
      case 1:
      case 2:
        now += std::vector<Duration>{1us, 5ms, 30ms, 1s}[how % 4];
        break;
      case 3:
      case 4:
      case 5:
      case 6:
      case 7:
      case 8: {
        const auto acquired = circuit.acquire(now);
        if (acquired.verdict == Verdict::admitted) {
          running.push_back({acquired.epoch, 0, now});
          good(naive.admitted(now, running.back().permit));
        } else {
          good(naive.refused(now, acquired.verdict == Verdict::half_open_limit));
        }
        break;
      }
      default: {
        if (running.empty()) break;
        const auto which = running.begin() + how % running.size();
        const auto outcome = static_cast<Outcome>(step % 3);
        circuit.report(which->epoch, outcome, now - which->began, now);
        naive.ended(which->permit, outcome, now - which->began, now);
        running.erase(which);
      }
    }
    circuit.expire(now);
    naive.expire(now);
    while (const auto change = circuit.take_change()) {
      RC_ASSERT(is_allowed(*change));
      ++changes;
    }
    RC_ASSERT(circuit.epoch() >= epoch);
    RC_ASSERT(changes + 1 == circuit.epoch());
    good(naive.compare(circuit, now));
    if (circuit.epoch() != epoch) wait = Duration::max();
    RC_ASSERT(circuit.time_until_retry(now) <= wait);
    wait = circuit.time_until_retry(now);
    if (circuit.state() != CircuitState::forced_open) RC_ASSERT(wait <= options.open_max);
  }
  seen.add(naive.visits());
}

TEST(CircuitBreakerModel, TheWalksWentEverywhere) {
  for (const auto count :
       {seen.opened, seen.half_opened, seen.reopened, seen.expired, seen.closed_again, seen.limited,
        seen.stale, seen.ordered, seen.would_have_opened, seen.slow_trips}) {
    EXPECT_GT(count, 0U);
  }
}

// (B5 7, 10) against a list of all that was ever recorded.
RC_GTEST_PROP(CallWindowModel, CountsLikeAListOfEverything, ()) {
  cites_property(7, 10);
  const bool by_time = *rc::gen::arbitrary<bool>();
  const auto size = *rc::gen::inRange(1U, 9U);
  const Duration width = *rc::gen::element(1ns, 7ns, 1000ns);
  CallWindow window = by_time ? CallWindow::over_time(size, width) : CallWindow::over_calls(size);
  struct Entry {
    std::int64_t slice;
    bool failed, slow;
  };
  std::vector<Entry> all;
  std::int64_t at = *rc::gen::inRange<std::int64_t>(-50, 50);
  const auto slice_of = [&](std::int64_t t) {
    std::int64_t slice = 0;
    while (slice * width.count() > t) --slice;
    while ((slice + 1) * width.count() <= t) ++slice;
    return slice;
  };
  for (const int step : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 4000))) {
    if (step % 4 == 0) at += step / 4 % 3 == 0 ? step : step / 4 % 10;
    const bool failed = step % 2 == 0;
    const bool slow = step % 3 == 0;
    window.record(Instant{Duration{at}}, failed, slow);
    all.push_back({slice_of(at), failed, slow});
    CallWindow::Sums sums;
    for (std::size_t i = 0; i < all.size(); ++i) {
      const bool in = by_time ? slice_of(at) - all[i].slice < size : all.size() - i <= size;
      if (!in) continue;
      ++sums.calls;
      sums.failed += all[i].failed;
      sums.slow += all[i].slow;
    }
    RC_ASSERT(window.sums().calls == sums.calls);
    RC_ASSERT(window.sums().failed == sums.failed);
    RC_ASSERT(window.sums().slow == sums.slow);
  }
}

}  // namespace
}  // namespace ordeal::pool::core
