// Runs a scenario against a pool, and says in plain words what was wrong.
//
//     const Report report = run_scenario(scenario, make_world);
//     if (report.verdict == TrialVerdict::failed) fmt::print("{}", to_text(report));
//
// What a trial looks for, whatever the scenario: each request has one outcome, the one expected,
// and its own reply; it was in a worker's hand as often as expected and in the expected order;
// behind it the pool takes as many requests at once as it has workers; after its stop no process
// lives.
//
// A short deadline (scenario.hpp: soon) may pass on a slow machine before the scenario has got as
// far as it must. Then nothing is known: the scenario is run again, with more time (`tries_max`).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "testing/contract/pool_under_test.hpp"

namespace ordeal::trial {

enum class TrialVerdict : std::uint8_t {
  passed,
  failed,
  skipped,   // the pool does not declare what the scenario needs
  too_slow,  // the machine was
};
[[nodiscard]] std::string to_string(TrialVerdict verdict);

enum class FindingKind : std::uint8_t {
  does_not_start,
  mixed_up,    // a request was answered with another's reply
  never_told,  // no outcome
  told_twice,
  no_death_notice,  // no outcome, and its worker had died
  no_deadline,      // no outcome, and its deadline had passed
  no_queue_bound,   // taken in, though as many waited as may
  wrong_outcome,
  not_run,        // no worker got it
  ran_too_often,  // a worker got it again
  wrong_worker,
  wrong_order,
  capacity_lost,  // fewer requests at once than workers
  wrong_count,    // the pool's own counters
  does_not_stop,
  orphan,          // a process lives on after the stop
  broken_promise,  // seen by the stage
  not_replaced,    // a worker ended, and nobody took its place
  // Seen from outside (apart.hpp):
  crashes,
  hangs,          // a function of the pool does not return
  zombie,         // a worker whose end nobody asked for
  leaves_behind,  // a descriptor, a thread, a file
};
inline constexpr std::uint8_t finding_kind_count =
    static_cast<std::uint8_t>(FindingKind::leaves_behind) + 1;
[[nodiscard]] std::string to_string(FindingKind kind);

struct Finding {
  FindingKind kind{};
  std::string sentence;
};

// What happened, as clients and workers saw it.
struct Account {
  struct Ticket {
    std::vector<TrialOutcome> outcomes;  // one, in a pool that is right
    std::vector<std::uint64_t> workers;  // each that had it in hand
    bool submitted = false;
    bool overdue = false;  // what the scenario waited for in vain: its outcome,
    bool unseen = false;   // or that a worker has it in hand
  };
  // A wait was in vain: what came afterwards is the end's doing, and `tickets` has what was before.
  bool cut_short = false;
  std::map<std::string, Ticket> tickets;
  std::vector<std::string> order;  // of outcomes
  std::vector<std::string> hands;
  std::set<std::uint64_t> workers;  // that were seen
  std::set<std::uint64_t> gone;
  std::optional<TrialCounts> counts;
};

struct Report {
  std::string scenario;
  TrialVerdict verdict = TrialVerdict::passed;
  std::vector<Capability> wanting;  // why it was skipped
  std::vector<Finding> findings;
  Account account;
  milliseconds took{0};
  [[nodiscard]] bool found(FindingKind kind) const;
};

struct Progress {
  std::string doing;    // "submit b"
  milliseconds most{};  // that it takes in a pool that is right, but for the patience
};

struct TrialOptions {
  milliseconds patience{10'000};  // for an event that must come; a right pool never takes so long
  std::uint32_t stretch = 1;      // of deadlines shorter than a second
  std::uint32_t tries_max = 3;
  std::uint32_t at_once = 1;  // scenarios: most of their time is spent waiting for processes
  std::function<void(const Progress&)> on_step = {};
  std::function<void(const Report&)> on_report = {};  // before the pool is destroyed
};

[[nodiscard]] Report run_scenario(const Scenario& scenario, const MakeWorld& make_world,
                                  const TrialOptions& options = {});
// In the order of `scenarios`. With `at_once` > 1 `make_world` is called from several threads.
[[nodiscard]] std::vector<Report> run_scenarios(const std::vector<const Scenario*>& scenarios,
                                                const MakeWorld& make_world,
                                                const TrialOptions& options = {});
[[nodiscard]] std::vector<Report> run_contract(const MakeWorld& make_world,
                                               const TrialOptions& options = {});
// For its author's eyes: the findings, each kind once with the scenarios that show it, then what
// was skipped and why.
[[nodiscard]] std::string to_text(const Report& report);
[[nodiscard]] std::string summary_of(const std::vector<Report>& reports);

// What the scenario expects, held against what happened. Knows no pool and no clock.
[[nodiscard]] std::vector<Finding> judge(const Scenario& scenario, const Account& account,
                                         const std::vector<Capability>& capabilities);

}  // namespace ordeal::trial
