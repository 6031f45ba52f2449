// The trial finds each flaw of the simple pool, says so in its author's words, and says nothing
// else; of the mended pool it says nothing at all.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "testing/cites/cites.hpp"
#include "testing/contract/apart.hpp"
#include "testing/examples/simple_pool/trial_of_simple_pool.hpp"

namespace ordeal::trial {
namespace {

using simple_pool::Flaw;
using simple_pool::Flaws;
using ::testing::HasSubstr;
using Kind = FindingKind;

constexpr std::uint32_t at_once = 8;

struct Row {
  Flaw flaw;
  std::string words;                   // that one of the sentences has
  std::set<Kind> kinds;                // all that is found
  std::vector<std::string> scenarios;  // that are run
};

const std::vector<Row>& rows() {
  static const std::vector<Row> all{
      // First, since it takes longest.
      {Flaw::waits_for_ever_at_stop,
       "the stop does not come to its end",
       {Kind::does_not_stop, Kind::never_told, Kind::orphan},
       {"stop.WhatRunsWhenTheGraceIsOverIsKilledAndMayHaveHappened", "stop.AnIdlePoolStops"}},
      {Flaw::reuses_late_workers,
       "its late reply was handed to the next caller",
       {Kind::mixed_up},
       {"timeout.ALateReplyIsDrainedAndReachesNobody", "calls.ARequestIsAnsweredWithItsOwnReply"}},
      {Flaw::never_replaces,
       "nobody took the place",
       {Kind::not_replaced},
       {"death.AnExitWithStatusThreeIsToldToItsCaller", "death.AKillFromOutsideIsToldToItsCaller"}},
      {Flaw::forgets_the_late_worker,
       "nobody took the place",
       {Kind::not_replaced},
       {"timeout.ALateReplyIsDrainedAndReachesNobody",
        "death.AnExitWithStatusThreeIsToldToItsCaller"}},
      {Flaw::silent_about_death,
       "the caller was never told: no death notice",
       {Kind::no_death_notice},
       {"death.AnExitWithStatusThreeIsToldToItsCaller", "death.AKillFromOutsideIsToldToItsCaller"}},
      {Flaw::sends_again,
       "ran again behind its caller's back",
       {Kind::ran_too_often, Kind::never_told},
       {"death.AKillFromOutsideIsToldToItsCaller", "timeout.ALateReplyIsDrainedAndReachesNobody"}},
      {Flaw::ignores_queue_deadlines,
       "nothing happened when it passed in the queue",
       {Kind::no_deadline},
       {"timeout.ADeadlineInTheQueueIsDefiniteAndTouchesNoWorker",
        "timeout.ALateReplyIsDrainedAndReachesNobody"}},
      {Flaw::ignores_worker_deadlines,
       "nothing happened when it passed in a worker's hand",
       {Kind::no_deadline},
       {"timeout.ALateReplyIsDrainedAndReachesNobody",
        "timeout.ADeadlineInTheQueueIsDefiniteAndTouchesNoWorker"}},
      {Flaw::tells_twice,
       "was told 2 outcomes",
       {Kind::told_twice},
       {"timeout.ALateReplyIsDrainedAndReachesNobody"}},
      {Flaw::no_bound,
       "the queue has no bound",
       {Kind::no_queue_bound},
       {"queue.OneMoreThanMayWaitIsTurnedAwayAtOnce"}},
      {Flaw::blocks_when_full,
       "the pool does not return: the scenario was to submit d",
       {Kind::hangs},
       {"queue.OneMoreThanMayWaitIsTurnedAwayAtOnce"}},
      {Flaw::newest_first,
       "d, c, b",
       {Kind::wrong_order},
       {"queue.WaitersAreServedInTheOrderOfTheirComing"}},
      {Flaw::forgets_waiters_at_stop,
       "never ended: pool_stopping was expected",
       {Kind::never_told},
       {"stop.AStopWithoutGraceKillsWhatRuns", "stop.AnIdlePoolStops"}},
      {Flaw::takes_requests_while_stopping,
       "never ended: pool_stopping was expected",
       {Kind::never_told},
       {"stop.NoNewRequestIsTakenOnceThePoolStops"}},
      {Flaw::leaves_orphans,
       "an orphan",
       {Kind::orphan},
       {"stop.WhatRunsWhenTheGraceIsOverIsKilledAndMayHaveHappened"}},
      {Flaw::leaves_zombies,
       "a zombie",
       {Kind::zombie},
       {"calls.ARequestIsAnsweredWithItsOwnReply"}},
      {Flaw::leaks_pipes,
       "pipe:",
       {Kind::leaves_behind},
       {"calls.ARequestIsAnsweredWithItsOwnReply"}},
      {Flaw::dies_of_sigpipe,
       "the pool ends its own process with signal 13 (Broken pipe, a write to a worker",
       {Kind::crashes},
       {"death.TheDeathOfAnIdleWorkerCostsNoRequest", "calls.ARequestIsAnsweredWithItsOwnReply"}},
  };
  return all;
}

const Scenario* scenario_named(const std::string& name) {
  for (const Scenario& scenario : contract()) {
    if (scenario.family + "." + scenario.name == name) return &scenario;
  }
  ADD_FAILURE() << "no scenario " << name;
  return nullptr;
}

milliseconds usual_time(const std::vector<Report>& reports) {
  std::vector<milliseconds> times;
  for (const Report& report : reports) {
    if (report.verdict != TrialVerdict::skipped) times.push_back(report.took);
  }
  std::sort(times.begin(), times.end());
  return times.at(times.size() / 2);
}

std::string text_of(const std::vector<Report>& reports) {
  std::string text;
  for (const Report& report : reports) text += to_text(report);
  return text;
}

class SimplePool : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    mended_ = run_contract_apart(simple_pool::on_trial({}), {.at_once = at_once});
    // How long is too long is taken from this machine, as loaded as it is now.
    const milliseconds too_long = std::max(milliseconds{600}, 8 * usual_time(mended_));
    std::vector<Case> cases;
    for (const Row& row : rows()) {
      for (const std::string& name : row.scenarios) {
        cases.push_back({scenario_named(name), simple_pool::on_trial({row.flaw})});
      }
    }
    flawed_ = run_apart(cases, {// Those wait most of the time.
                                .patience = too_long,
                                .at_once = 2 * at_once});
  }
  static void TearDownTestSuite() {
    mended_.clear();
    flawed_.clear();
  }

  static inline std::vector<Report> mended_;
  static inline std::vector<Report> flawed_;
};

TEST_F(SimplePool, MendedHasNoFlaw) {
  cites(57);
  std::size_t passed = 0;
  for (const Report& report : mended_) {
    EXPECT_NE(report.verdict, TrialVerdict::failed) << to_text(report);
    EXPECT_NE(report.verdict, TrialVerdict::too_slow) << to_text(report);
    passed += report.verdict == TrialVerdict::passed ? 1 : 0;
  }
  EXPECT_GE(passed, 25U) << summary_of(mended_);
}

TEST_F(SimplePool, EachFlawIsFoundAndNamedAndNothingElseIs) {
  cites(57);
  ASSERT_EQ(rows().size(), std::size_t{simple_pool::flaw_count});
  std::size_t next = 0;
  for (const Row& row : rows()) {
    std::vector<Report> reports;
    for (std::size_t i = 0; i < row.scenarios.size(); ++i) reports.push_back(flawed_[next++]);
    std::set<Kind> found;
    for (const Report& report : reports) {
      for (const Finding& finding : report.findings) found.insert(finding.kind);
    }
    EXPECT_EQ(found, row.kinds) << text_of(reports);
    EXPECT_THAT(text_of(reports), HasSubstr(row.words));
  }
}

}  // namespace
}  // namespace ordeal::trial
