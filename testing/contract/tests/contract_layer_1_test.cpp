// The contract in virtual time: the pool's core, simulated workers, no process.
#include "testing/contract/simulated_world.hpp"
#include "testing/contract/tests/contract_suite.hpp"

namespace ordeal::trial {

World make_world() { return simulated_world(); }

bool is_run_here(const Scenario&) { return true; }
std::string reason_to_skip() { return {}; }
TrialOptions trial_options() { return {}; }

namespace {

TEST(ContractLayer1, LeavesOutNothingButPrograms) {
  for (const Report& report : run_contract(make_world)) {
    const bool runs_a_program = report.scenario == "calls.AProgramGivesTheSameAnswerOnEveryLayer";
    EXPECT_EQ(report.verdict == TrialVerdict::skipped, runs_a_program) << to_text(report);
    if (!runs_a_program) continue;
    EXPECT_EQ(report.wanting, std::vector{Capability::programs});
  }
}

// Where a machine is too slow for a deadline of 150 ms, one of 750 is tried; whoever waits for it
// has to wait for longer than his patience, too.
TEST(ContractLayer1, IsPatientWithDeadlinesThatItStretchesItself) {
  const TrialOptions impatient{.patience = milliseconds{600}, .stretch = 5, .tries_max = 1};
  std::size_t passed = 0;
  for (const Report& report : run_contract(make_world, impatient)) {
    EXPECT_NE(report.verdict, TrialVerdict::failed) << to_text(report);
    passed += report.verdict == TrialVerdict::passed ? 1 : 0;
  }
  EXPECT_GE(passed, 100U);
}

std::string account_of(const Report& report) {
  std::string text;
  for (const std::string& name : report.account.order) {
    const Account::Ticket& seen = report.account.tickets.at(name);
    for (const TrialOutcome& outcome : seen.outcomes) {
      text += name + " " + outcome.code + " " + std::to_string(outcome.attempts) + " " +
              std::to_string(outcome.worker) + " " + outcome.reply + "\n";
    }
  }
  for (const std::string& name : report.account.hands) text += name + " ";
  return text;
}

TEST(ContractLayer1, IsTheSameEachTime) {
  cites(11);
  const std::vector<Report> once = run_contract(make_world);
  const std::vector<Report> again = run_contract(make_world);
  for (std::size_t i = 0; i < once.size(); ++i) {
    EXPECT_EQ(account_of(once[i]), account_of(again[i])) << once[i].scenario;
  }
}

}  // namespace
}  // namespace ordeal::trial
