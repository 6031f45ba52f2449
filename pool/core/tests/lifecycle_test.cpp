// The lifecycle's table, ring and invariants 18 to 23 (core/lifecycle.hpp).
#include "pool/core/lifecycle.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>
#include <string>

#include "testing/cites/cites.hpp"

namespace ordeal::pool::core {
namespace {

using S = WorkerState;
using R = TransitionReason;
using namespace std::chrono_literals;

constexpr std::array<S, worker_state_count> states{S::initializing, S::ready,       S::busy,
                                                   S::degraded,     S::terminating, S::terminated};

// The drawing of lifecycle.hpp, row by row: "." no arrow, "x" an arrow. Columns as rows.
constexpr std::array<std::string_view, worker_state_count> drawing{
    //                 i r b d t T
    /* initializing */ ". x . . x x",
    /* ready        */ ". . x x x x",
    /* busy         */ ". x . x x x",
    /* degraded     */ ". x . . x x",
    /* terminating  */ ". . . . . x",
    /* terminated   */ ". . . . . .",
};

bool drawn(S from, S to) {
  return drawing[static_cast<std::size_t>(from)][2 * static_cast<std::size_t>(to)] == 'x';
}

// A healthy lifecycle that has walked to `state` by arrows of the drawing.
Lifecycle at(S state) {
  Lifecycle life(Instant{}, 8);
  life.set_health(Health::healthy);
  if (state == S::initializing) return life;
  if (state != S::terminating && state != S::terminated) {
    EXPECT_TRUE(life.transition(Instant{}, S::ready, R::start_complete));
    if (state == S::ready) return life;
  }
  EXPECT_TRUE(life.transition(Instant{}, state, R::checkout));
  return life;
}

TEST(Lifecycle, TheTableIsTheDrawing) {
  cites(20);
  cites(18);
  for (const S from : states) {
    for (const S to : states) {
      SCOPED_TRACE(std::string(to_string(from)) + " -> " + std::string(to_string(to)));
      EXPECT_EQ(is_allowed(from, to), drawn(from, to));
      Lifecycle life = at(from);
      EXPECT_EQ(life.transition(Instant{1s}, to, R::exited), drawn(from, to));
      EXPECT_EQ(life.state(), drawn(from, to) ? to : from);
    }
  }
}

TEST(Lifecycle, ARejectedTransitionChangesNothing) {
  cites(18);
  Lifecycle life = at(S::busy);
  const Instant since = life.since();
  const auto total = life.total_transitions();
  EXPECT_FALSE(life.transition(Instant{9s}, S::initializing, R::exited));
  EXPECT_FALSE(life.transition(since - 1ns, S::ready, R::checkin)) << "time does not run backwards";
  EXPECT_EQ(life.state(), S::busy);
  EXPECT_EQ(life.since(), since);
  EXPECT_EQ(life.total_transitions(), total);
  EXPECT_EQ(life.history().size(), total);
}

TEST(Lifecycle, OnlyAHealthyWorkerComesBackFromDegraded) {
  cites(22);
  Lifecycle life = at(S::degraded);
  life.set_health(Health::unhealthy);
  EXPECT_FALSE(life.transition(Instant{1s}, S::ready, R::health_restored));
  life.set_health(Health::healthy);
  EXPECT_TRUE(life.transition(Instant{1s}, S::ready, R::health_restored));
}

TEST(Lifecycle, EveryNameIsSaidAndNoneTwice) {
  std::set<std::string_view> names;
  for (const S state : states) names.insert(to_string(state));
  EXPECT_EQ(names.size(), worker_state_count);
  names.clear();
  const auto reasons = static_cast<std::size_t>(R::exited) + 1;
  for (std::size_t i = 0; i < reasons; ++i) names.insert(to_string(static_cast<R>(i)));
  EXPECT_EQ(names.size(), reasons);
  EXPECT_EQ(names.count("?"), 0U);
  EXPECT_EQ(to_string(Health::unknown), "unknown");
  EXPECT_EQ(to_string(Health::healthy), "healthy");
  EXPECT_EQ(to_string(Health::unhealthy), "unhealthy");
}

TEST(Lifecycle, TheHistoryHoldsItsLimitAndTheTotalHoldsAll) {
  cites(19);
  Lifecycle life(Instant{}, 3);
  life.set_health(Health::healthy);
  ASSERT_TRUE(life.transition(Instant{1s}, S::ready, R::start_complete));
  ASSERT_TRUE(life.transition(Instant{2s}, S::busy, R::checkout));
  ASSERT_TRUE(life.transition(Instant{4s}, S::ready, R::checkin));
  EXPECT_EQ(life.history().front().from, S::initializing);
  ASSERT_TRUE(life.transition(Instant{8s}, S::busy, R::checkout));
  const auto history = life.history();
  ASSERT_EQ(history.size(), 3U);
  EXPECT_EQ(history.front().to, S::busy);
  EXPECT_EQ(history.back().in_previous_state, 4s);
  EXPECT_EQ(life.total_transitions(), 4U);
}

// One step of a random walk; `to` and `reason` are drawn without regard to the table.
struct Step {
  S to{};
  R reason{};
  Health health{};
  std::int64_t pause = 0;  // may be negative: time that runs backwards
};

rc::Gen<Step> step() {
  return rc::gen::build<Step>(
      rc::gen::set(&Step::to, rc::gen::elementOf(states)),
      rc::gen::set(&Step::reason,
                   rc::gen::map(rc::gen::inRange(0, 12), [](int i) { return static_cast<R>(i); })),
      rc::gen::set(&Step::health, rc::gen::element(Health::healthy, Health::unhealthy)),
      rc::gen::set(&Step::pause, rc::gen::inRange<std::int64_t>(-2, 20)));
}

// The naive reference: everything is kept.
struct Model {
  S state = S::initializing;
  Instant since{};
  std::vector<Lifecycle::Entry> all;
};

RC_GTEST_PROP(LifecycleModel, AnyWalkAgreesWithTheReference, ()) {
  cites(18, 19, 20, 21, 22);
  const auto history_max = *rc::gen::inRange<std::size_t>(1, 9);
  const auto steps = *rc::gen::container<std::vector<Step>>(step());
  Lifecycle life(Instant{}, history_max);
  Model model;
  Instant now{};
  bool removable = false;
  for (const Step& s : steps) {
    const Instant then = now + Duration{s.pause};
    life.set_health(s.health);
    const bool expected =
        drawn(model.state, s.to) && then >= model.since &&
        !(model.state == S::degraded && s.to == S::ready && s.health != Health::healthy);
    RC_ASSERT(life.transition(then, s.to, s.reason) == expected);
    if (expected) {
      model.all.push_back({model.state, s.to, s.reason, then, then - model.since});
      model.state = s.to;
      model.since = then;
    }
    now = std::max(now, then);
    RC_ASSERT(life.state() == model.state);
    RC_ASSERT(life.since() == model.since);
    RC_ASSERT(life.total_transitions() == model.all.size());
    RC_ASSERT(life.can_accept_work() == (model.state == S::ready && s.health == Health::healthy));
    RC_ASSERT(!removable || life.should_remove());
    removable = life.should_remove();
    RC_ASSERT(removable == (model.state == S::terminating || model.state == S::terminated));
  }
  const auto history = life.history();
  RC_ASSERT(history.size() == std::min(history_max, model.all.size()));
  for (std::size_t i = 0; i < history.size(); ++i) {
    const auto& expected = model.all[model.all.size() - history.size() + i];
    RC_ASSERT(history[i].from == expected.from && history[i].to == expected.to);
    RC_ASSERT(history[i].reason == expected.reason && history[i].at == expected.at);
    RC_ASSERT(history[i].in_previous_state == expected.in_previous_state);
    RC_ASSERT(history[i].in_previous_state >= Duration::zero());
    // Not `i == 0 || ...`: g++ 12 evaluates both sides, which AddressSanitizer then reports.
    if (i > 0) RC_ASSERT(history[i - 1].to == history[i].from);
  }
}

}  // namespace
}  // namespace ordeal::pool::core
