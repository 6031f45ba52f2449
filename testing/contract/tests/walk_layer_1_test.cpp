// Drawn scenarios in virtual time, hundreds of them; and that a walk can be made smaller.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>
#include <map>

#include "testing/cites/cites.hpp"
#include "testing/contract/simulated_world.hpp"
#include "testing/contract/trial.hpp"
#include "testing/contract/walk.hpp"

namespace ordeal::trial {
namespace {

using ::testing::HasSubstr;

constexpr std::uint64_t walks = 400;

WalkSetup setup_of(std::uint64_t seed) {
  const auto size = 1 + static_cast<std::uint32_t>(seed % 3);
  return {.size = size,
          .queue_max = size + static_cast<std::uint32_t>(seed % 4),
          .deadlines = seed % 2 == 0};
}

TEST(ContractWalk, EndsAsTheModelSaysInVirtualTime) {
  cites(4, 5, 9, 10, 11, 12, 14, 53, 57);
  cites_bug_class(1, 2, 3);
  std::map<std::string, std::uint64_t> seen;
  for (std::uint64_t seed = 1; seed <= walks; ++seed) {
    const Scenario scenario = scenario_of(draw_walk(seed), setup_of(seed));
    const Report report = run_scenario(scenario, simulated_world);
    if (report.verdict != TrialVerdict::passed) {
      const auto fails = [&](const Walk& walk) {
        return run_scenario(scenario_of(walk, setup_of(seed)), simulated_world).verdict ==
               TrialVerdict::failed;
      };
      const Scenario least = scenario_of(shrink_walk(draw_walk(seed), fails, 1000), setup_of(seed));
      for (const Step& step : least.steps) std::cout << in_words(step) << '\n';
      FAIL() << "seed " << seed << "\n" << to_text(run_scenario(least, simulated_world));
    }
    for (const TicketSpec& ticket : scenario.tickets) ++seen[ticket.expect.code];
  }
  // What the walks never led to they have not tried.
  for (const char* code :
       {"ok", "application_error", "worker_died", "reply_id_mismatch", "malformed_frame",
        "malformed_reply", "reply_too_large", "truncated_reply", "queue_full", "queue_timeout",
        "call_timeout", "cancelled", "cancelled_in_flight", "pool_stopping"}) {
    EXPECT_GT(seen[code], 0U) << code;
  }
  std::cout << walks << " walks";
  for (const auto& [code, count] : seen) std::cout << ", " << code << " " << count;
  std::cout << '\n';
}

TEST(ContractWalk, IsFoundOutIfSomethingElseComesOfIt) {
  Scenario scenario = scenario_of(draw_walk(3), setup_of(3));
  ASSERT_GT(scenario.hands.size(), 2U);
  std::swap(scenario.hands[0], scenario.hands[1]);
  EXPECT_EQ(run_scenario(scenario, simulated_world).verdict, TrialVerdict::failed);
}

TEST(ContractWalk, WithoutAnyOfItsChoicesIsAScenarioToo) {
  const Walk whole = draw_walk(9);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    Walk less = whole;
    less.erase(less.begin() + static_cast<std::ptrdiff_t>(i));
    const Report report = run_scenario(scenario_of(less, setup_of(9)), simulated_world);
    ASSERT_EQ(report.verdict, TrialVerdict::passed) << to_text(report);
  }
  EXPECT_EQ(run_scenario(scenario_of({}, setup_of(1)), simulated_world).verdict,
            TrialVerdict::passed);
}

TEST(ContractWalk, ShrinksToWhatTheFailureNeedsAndIsWrittenInOneLine) {
  const Walk walk = draw_walk(5, 60);
  const auto has_two_kills = [](const Walk& w) {
    return std::count_if(w.begin(), w.end(), [](const Choice& c) { return c.what == 13; }) >= 2;
  };
  ASSERT_TRUE(has_two_kills(walk));
  const Walk least = shrink_walk(walk, has_two_kills, 1000);
  EXPECT_EQ(least.size(), 2U);
  const Walk again = walk_of(to_text(least));
  ASSERT_EQ(again.size(), 2U);
  EXPECT_EQ(again[1].how, least[1].how);
  EXPECT_EQ(again[1].what, 13U);
}

}  // namespace
}  // namespace ordeal::trial
