#include "chaos/simulated/simulated.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "pool/options/core_options.hpp"
#include "testing/model/walks/walk.hpp"

namespace ordeal::chaos {
namespace {

using What = trial::PlannedNote::What;
using std::chrono::microseconds;
using trial::PlannedFault;
using trial::Verdict;

std::uint64_t count_outcomes(const SimulatedRun& run) {
  std::uint64_t all = 0;
  for (const std::uint64_t times : run.report.outcomes) all += times;
  return all;
}

std::string_view to_string(What what) {
  switch (what) {
    case What::injected:
      return "injected";
    case What::acted:
      return "proved";
    case What::undone:
      return "undone";
  }
  return "?";
}

}  // namespace

trial::SimulationOptions to_simulation(const Plan& plan, SimulatedRun& run) {
  trial::SimulationOptions o;
  const SimulatedLoad& load = plan.simulated;
  o.core = pool::to_core_options(pool::with_defaults(plan.pool));
  o.clients = plan.load.callers;
  o.requests = load.requests_max;
  o.load_for = plan.load.duration;
  o.idempotents = load.idempotent_parts.value_or(plan.load.idempotent ? 1000 : 0);
  o.retries = load.retry_parts.value_or(plan.load.retries > 0 ? 1000 : 0);
  o.cancels = load.cancel_parts;
  o.leases = load.lease_parts;
  o.sessions = plan.load.sessions;
  o.in_session = load.session_parts;
  o.strict = load.strict_parts;
  o.stateful = load.stateful_parts;
  o.keys = o.core.breaker.enabled ? std::max(load.circuits, 1U) : 0;
  o.orders = load.order_parts;
  o.operations = load.operation_parts;
  o.session_ends = load.session_end_parts;
  o.races = load.race_parts;
  o.extremes = load.extreme_parts;
  o.faults = load.rates;
  o.stop_under_load = load.stop_under_load;
  o.stop_again = load.stop_again;
  o.bad_programs = load.bad_programs;
  o.look_closely = load.look_closely;
  o.think_max = microseconds{load.think_max_us};
  o.latency_max = microseconds{load.latency_max_us};
  o.start_max = milliseconds{load.start_max_ms};
  o.stop_grace_max = milliseconds{load.stop_grace_max_ms};
  o.budget_max = plan.load.deadline;
  for (const Shot& shot : plan.shots) {
    const FaultEntry& entry = plan.faults[shot.entry];
    const std::string name{entry.kind->name};
    const auto planned = to_planned(entry, shot.due);
    if (!entry.kind->in_simulation || planned.empty()) {
      run.not_run[name] = "it means nothing in virtual time";
      continue;
    }
    for (PlannedFault fault : planned) {
      if (plan.exact) fault.when_whole = false;
      o.planned.push_back(fault);
      run.entry_of.push_back(shot.entry);
    }
  }
  return o;
}

SimulatedRun simulate(const Plan& plan, bool trace) {
  SimulatedRun run;
  trial::SimulationOptions options = to_simulation(plan, run);
  options.record = trace || plan.simulated.run_twice;
  run.report = trial::Simulation(plan.seed, options).run();
  if (run.report.error.empty() && plan.simulated.run_twice) {
    const std::string again = trial::Simulation(plan.seed, options).run().trace;
    if (again != run.report.trace) {
      run.report.error = fmt::format("(51) the same seed is another run (seed {})", plan.seed);
    }
  }
  if (run.report.error.empty() && plan.simulated.part_steps > 0) {
    run.report.error = trial::walk_parts(plan.seed, plan.simulated.part_steps);
  }
  return run;
}

std::uint64_t SimulatedRun::count(std::size_t planned, What what) const {
  return static_cast<std::uint64_t>(
      std::count_if(report.planned.begin(), report.planned.end(),
                    [&](const auto& note) { return note.fault == planned && note.what == what; }));
}

bool SimulatedRun::proved(const Plan& plan, std::size_t planned) const {
  using K = PlannedFault::Kind;
  const auto as = to_planned(plan.faults[entry_of[planned]], {}).front().kind;
  const bool by_itself = as == K::kill || as == K::terminate || as == K::freeze;
  return count(planned, by_itself ? What::injected : What::acted) > 0;
}

namespace {

Check promises(const SimulatedRun& run) {
  Check check{
      "promises",
      fmt::format("{} events in {} ms of virtual time, each promise of the pool looked at "
                  "after each",
                  run.report.events,
                  std::chrono::duration_cast<milliseconds>(run.report.virtual_time).count()),
      Verdict::pass()};
  if (!run.report.error.empty()) check.verdict = Verdict::fail({run.report.error});
  return check;
}

Check faults(const Plan& plan, const SimulatedRun& run) {
  std::vector<std::string> open;
  std::size_t proved = 0;
  for (std::size_t planned = 0; planned < run.entry_of.size(); ++planned) {
    if (run.proved(plan, planned)) {
      ++proved;
      continue;
    }
    const bool injected = run.count(planned, What::injected) > 0;
    open.push_back(fmt::format("{}: {}", plan.faults[run.entry_of[planned]].kind->name,
                               injected ? "touched nothing" : "never injected"));
  }
  Check check{"faults", fmt::format("{} of {} faults proved", proved, run.entry_of.size()),
              Verdict::pass()};
  for (const std::string& sentence : open) check.verdict.add(Verdict::unknown(sentence));
  for (const auto& [name, why] : run.not_run) {
    check.verdict.add(Verdict::unknown(fmt::format("{}: not run: {}", name, why)));
  }
  return check;
}

Check service(const Plan& plan, const SimulatedRun& run) {
  const std::uint64_t all = count_outcomes(run);
  const std::uint64_t ok = run.report.outcomes[0];
  const double percent = all == 0 ? 0 : 100.0 * static_cast<double>(ok) / static_cast<double>(all);
  Check check{"service", fmt::format("{} of {} requests ended ok: {:.1f} %", ok, all, percent),
              Verdict::pass()};
  if (all < plan.bars.calls_min) check.verdict = Verdict::unknown("too few requests to tell");
  if (percent < plan.bars.ok_percent_min) {
    check.verdict = Verdict::fail({fmt::format("at least {} % must", plan.bars.ok_percent_min)});
  }
  return check;
}

// The calm lasts longer than all that may hold up a start, so then there is no excuse.
Check recovered(const Plan& plan, const SimulatedRun& run) {
  Check check{"recovered",
              fmt::format("{} of {} workers serve after the calm", run.report.serving_at_end,
                          plan.pool.size),
              Verdict::pass()};
  if (run.report.serving_at_end < plan.pool.size) {
    check.verdict = Verdict::fail({"the pool was not whole again"});
  }
  return check;
}

}  // namespace

std::vector<Check> judge_simulated(const Plan& plan, const SimulatedRun& run) {
  std::vector<Check> checks{promises(run), faults(plan, run)};
  // What a broken pool answered says nothing more.
  if (!run.report.error.empty()) return checks;
  checks.push_back(service(plan, run));
  // An operator may have made it smaller, or stopped it before it could heal.
  const bool left_alone = plan.simulated.operation_parts == 0 && !plan.simulated.stop_under_load;
  if (left_alone) checks.push_back(recovered(plan, run));
  return checks;
}

void note_simulated(const Plan& plan, const SimulatedRun& run, const std::vector<Check>& checks,
                    const std::string& repeat, Journal& journal) {
  const TimePoint zero = journal.opened_at();
  const auto note = [&](pool::core::Instant at, std::string_view event, const json& members) {
    journal.note_at(zero + (at - pool::core::Instant{}), event, members);
  };
  const pool::core::Instant begin{};
  const pool::core::Instant end = begin + run.report.virtual_time;
  note(begin, "run_started",
       {{"schema", journal_schema},
        {"title", plan.title},
        {"seed", plan.seed},
        {"world", "simulated"},
        {"workers", plan.pool.size},
        {"callers", plan.load.callers},
        {"load_ms", plan.load.duration.count()},
        {"experiment", plan.text}});
  note(begin, "load_began", json::object());
  for (const auto& [name, why] : run.not_run) {
    note(begin, "fault", {{"fault", name}, {"state", "not_run"}, {"reason", why}});
  }
  for (const trial::PlannedNote& seen : run.report.planned) {
    const std::size_t entry = run.entry_of[seen.fault];
    json line{{"fault", plan.faults[entry].kind->name},
              {"state", to_string(seen.what)},
              {"entry", entry},
              {"number", seen.fault},
              {"target", chaos::to_string(plan.faults[entry].target)}};
    if (seen.worker != 0) line["worker"] = seen.worker;
    note(seen.at, "fault", line);
  }
  json outcomes = json::object();
  for (std::size_t code = 0; code < run.report.outcomes.size(); ++code) {
    if (run.report.outcomes[code] == 0) continue;
    const auto name = code == 0 ? "ok" : pool::to_string(static_cast<pool::ErrorCode>(code));
    outcomes[std::string{name}] = run.report.outcomes[code];
  }
  note(end, "load_ended",
       {{"sent", count_outcomes(run)},
        {"ok", run.report.outcomes[0]},
        {"lost", 0},
        {"events", run.report.events},
        {"outcomes", outcomes}});
  note(end, "repeat", {{"command", repeat}});
  for (const Check& check : checks) {
    note(end, "check",
         {{"name", check.name},
          {"sentence", check.sentence},
          {"verdict", to_string(check.verdict.kind())},
          {"evidence", check.verdict.evidence()}});
  }
  const Verdict verdict = overall(checks);
  note(end, "verdict",
       {{"verdict", to_string(verdict.kind())},
        {"why", verdict.evidence()},
        {"title", plan.title},
        {"seed", plan.seed}});
}

}  // namespace ordeal::chaos
