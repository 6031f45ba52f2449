// run --world simulated: an experiment in virtual time, and its verdict.
#include <fmt/format.h>

#include <fstream>

#include "chaos/report/report.hpp"
#include "chaos/simulated/contained.hpp"
#include "chaos/simulated/simulated.hpp"
#include "chaos/tools/commands.hpp"
#include "chaos/tools/print.hpp"

namespace ordeal::chaos {
namespace {

int complain(std::string_view message) {
  fmt::print(stderr, "ordeal-chaos: {}\n", message);
  return exit_could_not_run;
}

void print_faults(const Plan& plan, const SimulatedRun& run) {
  using What = trial::PlannedNote::What;
  for (std::size_t planned = 0; planned < run.entry_of.size(); ++planned) {
    const FaultEntry& entry = plan.faults[run.entry_of[planned]];
    fmt::print("  {:>3}  {} on {}: {}, at {} workers; acted {} times\n", planned, entry.kind->name,
               to_string(entry.target), run.proved(plan, planned) ? "proved" : "not proved",
               run.count(planned, What::injected), run.count(planned, What::acted));
  }
  for (const auto& [name, why] : run.not_run) fmt::print("    -  {}: not run: {}\n", name, why);
}

}  // namespace

int run_simulated(const Plan& plan, const SimulatedFiles& files) {
  if (const auto valid = pool::validate(plan.pool); !valid) {
    return complain(fmt::format("{}: {}", files.experiment, valid.error().message));
  }
  Journal journal;
  if (!files.journal.empty()) {
    auto opened = Journal::open(files.journal);
    if (!opened) return complain(opened.error().message);
    journal = std::move(*opened);
  }
  const std::string broken = what_breaks(plan);
  if (broken.starts_with("the pool ")) {  // it ends no run of its own
    fmt::print("{} (seed {}, simulated)\n  FAIL  {}\nfail  (repeat: {})\n", plan.title, plan.seed,
               broken, files.repeat);
    return exit_fail;
  }
  const SimulatedRun run = simulate(plan, !files.trace.empty());
  if (!files.trace.empty()) {
    std::ofstream stream{files.trace};
    stream << run.report.trace;
    if (!stream.flush()) return complain(files.trace + ": cannot be written");
  }
  const std::vector<Check> checks = judge_simulated(plan, run);
  fmt::print("{} (seed {}, simulated)\n", plan.title, plan.seed);
  print_faults(plan, run);
  print_checks(checks);
  note_simulated(plan, run, checks, files.repeat, journal);
  const trial::Verdict verdict = overall(checks);
  fmt::print("{}  (repeat: {})\n", to_string(verdict.kind()), files.repeat);
  if (!files.report.empty()) {
    const auto written = write_report(files.journal, files.report);
    if (!written) return complain(written.error());
    fmt::print("report: {}\n", files.report);
  }
  return exit_code_of(verdict.kind());
}

}  // namespace ordeal::chaos
