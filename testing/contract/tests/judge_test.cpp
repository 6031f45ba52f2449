// The judge, without pool or process: what goes as each scenario says is right, and each departure
// from it, in any field that the scenario does not leave open, is a finding. And hardly any field
// is left open.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "ordeal/pool/error.hpp"
#include "testing/cites/cites.hpp"
#include "testing/contract/trial.hpp"

namespace ordeal::trial {
namespace {

constexpr std::uint64_t another_worker = 1000;

TrialOutcome expected_outcome(const TicketSpec& ticket) {
  TrialOutcome outcome{.code = ticket.expect.code, .attempts = ticket.expect.attempts};
  for (std::uint8_t i = 1; i < pool::error_code_count; ++i) {
    const auto code = static_cast<pool::ErrorCode>(i);
    if (pool::to_string(code) == ticket.expect.code) outcome = failed_with(code, "as expected");
  }
  outcome.attempts = ticket.expect.attempts;
  outcome.indeterminate = ticket.expect.indeterminate.value_or(outcome.indeterminate);
  if (outcome.code == "ok") outcome.reply = fmt::format(R"({{"ticket":"{}"}})", ticket.name);
  if (!ticket.expect.answer.empty()) outcome.reply = '"' + ticket.expect.answer + '"';
  return outcome;
}

TrialCounts expected_counts(const Scenario& scenario) {
  TrialCounts counts{.retries = scenario.retries,
                     .workers_lost = scenario.lost,
                     .late_replies_drained = scenario.drained};
  const auto is_one_of = [](const std::string& code, std::initializer_list<const char*> codes) {
    return std::find(codes.begin(), codes.end(), code) != codes.end();
  };
  for (const TicketSpec& ticket : scenario.tickets) {
    const std::string& code = ticket.expect.code;
    if (code == "invalid_arguments") continue;
    ++counts.submitted;
    ++(code == "ok"                                            ? counts.ok
       : is_one_of(code, {"queue_timeout", "call_timeout"})    ? counts.timed_out
       : is_one_of(code, {"cancelled", "cancelled_in_flight"}) ? counts.cancelled
       : is_one_of(code, {"queue_full", "workers_unavailable", "pool_stopping", "circuit_open",
                          "session_state_lost", "circuit_half_open_limit"})
           ? counts.rejected
           : counts.failed);
  }
  return counts;
}

// All as the scenario says.
Account ideal(const Scenario& scenario) {
  Account account{.order = expected_order(scenario), .hands = expected_hands(scenario)};
  std::uint64_t last = 0;
  for (const TicketSpec& ticket : scenario.tickets) {
    Account::Ticket& seen = account.tickets[ticket.name];
    seen.submitted = true;
    seen.outcomes = {expected_outcome(ticket)};
    const std::string& same = ticket.expect.same_worker_as;
    const std::uint64_t worker = same.empty() ? ++last : account.tickets.at(same).workers.back();
    seen.workers.assign(expected_runs(ticket), worker);
  }
  account.counts = expected_counts(scenario);
  return account;
}

std::string text_of(const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& finding : findings) text += finding.sentence + "\n";
  return text;
}

std::vector<Finding> judged(const Scenario& scenario, const Account& account) {
  return judge(scenario, account, all_capabilities());
}

TEST(Judge, WhatGoesAsTheScenarioSaysIsRight) {
  for (const Scenario& scenario : contract()) {
    EXPECT_EQ(text_of(judged(scenario, ideal(scenario))), "") << scenario.name;
  }
}

// Expects a finding, unless the field is open; then none.
void expect_found(const Scenario& scenario, const std::vector<Open>& open, const std::string& field,
                  const std::string& who, const std::function<void(Account&)>& depart) {
  Account account = ideal(scenario);
  depart(account);
  const auto findings = judged(scenario, account);
  EXPECT_EQ(findings.empty(), is_open(open, field))
      << scenario.name << ": " << field << " of '" << who << "'\n"
      << text_of(findings);
}

void depart_in_outcome(const Scenario& scenario, const TicketSpec& ticket) {
  const auto expect = [&](const char* field, const std::function<void(TrialOutcome&)>& depart) {
    expect_found(scenario, ticket.expect.open, field, ticket.name,
                 [&](Account& account) { depart(account.tickets.at(ticket.name).outcomes[0]); });
  };
  expect("code",
         [](TrialOutcome& outcome) { outcome.code = outcome.code == "ok" ? "worker_died" : "ok"; });
  expect("attempts", [](TrialOutcome& outcome) { ++outcome.attempts; });
  expect("reply", [](TrialOutcome& outcome) { outcome.reply = R"({"ticket":"another"})"; });
  if (ticket.expect.code == "ok") return;
  expect("category", [](TrialOutcome& outcome) { outcome.category = "another"; });
  expect("certainty", [](TrialOutcome& outcome) { outcome.indeterminate ^= true; });
}

void depart_in_ticket(const Scenario& scenario, const TicketSpec& ticket) {
  const auto expect = [&](const char* field, const std::function<void(Account::Ticket&)>& depart) {
    expect_found(scenario, ticket.expect.open, field, ticket.name,
                 [&](Account& account) { depart(account.tickets.at(ticket.name)); });
  };
  expect("outcomes", [](Account::Ticket& seen) { seen.outcomes.clear(); });
  expect("outcomes", [](Account::Ticket& seen) { seen.outcomes.push_back(seen.outcomes[0]); });
  expect("runs", [](Account::Ticket& seen) { seen.workers.push_back(another_worker); });
  if (expected_runs(ticket) == 0) return;
  expect("runs", [](Account::Ticket& seen) { seen.workers.pop_back(); });
  if (!ticket.expect.same_worker_as.empty()) {
    expect("worker", [](Account::Ticket& seen) { seen.workers.back() = another_worker; });
  }
  if (const std::string& other = ticket.expect.other_worker_than; !other.empty()) {
    const std::uint64_t wrong = ideal(scenario).tickets.at(other).workers.back();
    expect("worker", [&](Account::Ticket& seen) { seen.workers.back() = wrong; });
  }
}

void depart_in_sums(const Scenario& scenario) {
  using Sum = std::uint64_t TrialCounts::*;
  const std::pair<const char*, Sum> sums[] = {{"submitted", &TrialCounts::submitted},
                                              {"ok", &TrialCounts::ok},
                                              {"timed_out", &TrialCounts::timed_out},
                                              {"rejected", &TrialCounts::rejected},
                                              {"cancelled", &TrialCounts::cancelled},
                                              {"failed", &TrialCounts::failed},
                                              {"retries", &TrialCounts::retries},
                                              {"lost", &TrialCounts::workers_lost},
                                              {"drained", &TrialCounts::late_replies_drained}};
  for (const auto& [name, sum] : sums) {
    expect_found(scenario, scenario.open, name, "the pool",
                 [sum = sum](Account& account) { ++((*account.counts).*sum); });
  }
}

void depart_in_order(const Scenario& scenario) {
  const auto swap_ends = [](std::vector<std::string>& names) {
    std::swap(names.front(), names.back());
  };
  const auto differ = [](const std::vector<std::string>& names) {
    return !names.empty() && names.front() != names.back();
  };
  if (differ(expected_order(scenario))) {
    expect_found(scenario, scenario.open, "order", "all",
                 [&](Account& account) { swap_ends(account.order); });
  }
  if (differ(expected_hands(scenario))) {
    expect_found(scenario, scenario.open, "hands", "all",
                 [&](Account& account) { swap_ends(account.hands); });
  }
}

TEST(Judge, EachDepartureIsFound) {
  cites(57);
  for (const Scenario& scenario : contract()) {
    for (const TicketSpec& ticket : scenario.tickets) {
      depart_in_outcome(scenario, ticket);
      depart_in_ticket(scenario, ticket);
    }
    depart_in_order(scenario);
    depart_in_sums(scenario);
  }
}

TEST(Contract, AtMostOneFieldInTwentyIsOpenAndEachHasItsReason) {
  std::size_t fields = 0;
  std::size_t opened = 0;
  for (const Scenario& scenario : contract()) {
    fields += fields_of(scenario);
    for (const Open& open : open_fields(scenario)) {
      ++opened;
      EXPECT_GE(std::count(open.reason.begin(), open.reason.end(), ' '), 4)
          << scenario.name << " leaves " << open.field << " open because '" << open.reason << "'";
    }
  }
  EXPECT_LE(opened * 20, fields);
  RecordProperty("fields", static_cast<int>(fields));
  RecordProperty("open", static_cast<int>(opened));
}

TEST(Contract, HasSixtyScenariosOrMoreAndNoTwoOfOneName) {
  std::set<std::string> names;
  for (const Scenario& scenario : contract()) names.insert(scenario.family + "." + scenario.name);
  EXPECT_EQ(names.size(), contract().size());
  EXPECT_GE(names.size(), 60U);
}

TEST(Contract, SubmitsEachTicketOnceAndNamesNoOther) {
  for (const Scenario& scenario : contract()) {
    for (const TicketSpec& ticket : scenario.tickets) {
      const auto is_submitted = [&](const Step& step) {
        return step.kind == Step::Kind::submit && step.who == ticket.name;
      };
      EXPECT_EQ(std::count_if(scenario.steps.begin(), scenario.steps.end(), is_submitted), 1)
          << scenario.name << ": " << ticket.name;
    }
    for (const Step& step : scenario.steps) {
      const bool is_of_all = step.kind == Step::Kind::reach || step.kind == Step::Kind::stop ||
                             step.kind == Step::Kind::stopped;
      if (is_of_all) continue;
      EXPECT_NO_THROW((void)ticket_of(scenario, step.who)) << scenario.name;
    }
  }
}

}  // namespace
}  // namespace ordeal::trial
