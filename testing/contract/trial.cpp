#include "testing/contract/trial.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <thread>

#include "pool/runtime/clock.hpp"
#include "testing/contract/director.hpp"

namespace ordeal::trial {
namespace {

constexpr std::uint32_t stretch_factor = 5;

constexpr std::array<std::string_view, finding_kind_count> finding_names{
    "does not start",
    "mixes up replies",
    "leaves a caller without an outcome",
    "tells two outcomes",
    "does not tell of a worker's death",
    "does not heed a deadline",
    "has no bound on its queue",
    "tells a wrong outcome",
    "does not run a request",
    "runs a request too often",
    "sends a request to the wrong worker",
    "does things in the wrong order",
    "loses capacity",
    "counts wrongly",
    "does not stop",
    "leaves orphans",
    "breaks a promise",
    "does not replace a worker",
    "crashes",
    "hangs",
    "leaves zombies",
    "leaves things behind"};

std::vector<Capability> missing(const Scenario& scenario, const PoolUnderTest& pool) {
  const std::vector<Capability> has = pool.capabilities();
  std::vector<Capability> wanting;
  for (const Capability need : needs_of(scenario)) {
    if (std::find(has.begin(), has.end(), need) == has.end()) wanting.push_back(need);
  }
  return wanting;
}

}  // namespace

std::string to_string(TrialVerdict verdict) {
  switch (verdict) {
    case TrialVerdict::passed:
      return "passed";
    case TrialVerdict::failed:
      return "FAILED";
    case TrialVerdict::skipped:
      return "skipped";
    case TrialVerdict::too_slow:
      return "TOO SLOW";
  }
  return "?";
}

std::string to_string(FindingKind kind) {
  return std::string{finding_names.at(static_cast<std::size_t>(kind))};
}

bool Report::found(FindingKind kind) const {
  return std::any_of(findings.begin(), findings.end(),
                     [&](const Finding& finding) { return finding.kind == kind; });
}

Report run_scenario(const Scenario& scenario, const MakeWorld& make_world,
                    const TrialOptions& options) {
  World world = make_world();
  if (const auto wanting = missing(scenario, *world.pool); !wanting.empty()) {
    const Report report{.scenario = scenario.family + "." + scenario.name,
                        .verdict = TrialVerdict::skipped,
                        .wanting = wanting};
    if (options.on_report) options.on_report(report);
    return report;
  }
  TrialOptions now = options;
  const pool::runtime::Instant began = pool::runtime::now();
  for (std::uint32_t tried = 1;; ++tried) {
    Director director{scenario, std::move(world), now};
    Report report = director.run();
    if (report.verdict != TrialVerdict::too_slow || tried >= options.tries_max) {
      report.took = std::chrono::duration_cast<milliseconds>(pool::runtime::now() - began);
      if (options.on_report) options.on_report(report);
      return report;
    }
    now.stretch *= stretch_factor;
    world = make_world();
  }
}

std::vector<Report> run_scenarios(const std::vector<const Scenario*>& scenarios,
                                  const MakeWorld& make_world, const TrialOptions& options) {
  std::vector<Report> reports(scenarios.size());
  std::atomic<std::size_t> next{0};
  const auto run_some = [&] {
    for (std::size_t i = next++; i < scenarios.size(); i = next++) {
      reports[i] = run_scenario(*scenarios[i], make_world, options);
    }
  };
  {
    std::vector<std::jthread> helpers;
    for (std::uint32_t i = 1; i < options.at_once; ++i) helpers.emplace_back(run_some);
    run_some();
  }
  return reports;
}

std::vector<Report> run_contract(const MakeWorld& make_world, const TrialOptions& options) {
  std::vector<const Scenario*> all;
  for (const Scenario& scenario : contract()) all.push_back(&scenario);
  return run_scenarios(all, make_world, options);
}

std::string to_text(const Report& report) {
  std::string text = fmt::format("{} {}\n", to_string(report.verdict), report.scenario);
  for (const Capability what : report.wanting) {
    text += fmt::format("  the pool does not declare {}\n", to_string(what));
  }
  for (const Finding& finding : report.findings) {
    text += fmt::format("  {}: {}\n", to_string(finding.kind), finding.sentence);
  }
  return text;
}

std::string summary_of(const std::vector<Report>& reports) {
  std::size_t passed = 0;
  std::size_t skipped = 0;
  std::map<FindingKind, std::vector<std::pair<std::string, std::string>>> by_kind;
  std::map<std::string, std::size_t> wanting;
  for (const Report& report : reports) {
    passed += report.verdict == TrialVerdict::passed ? 1 : 0;
    if (report.verdict == TrialVerdict::skipped) {
      ++skipped;
      for (const Capability what : report.wanting) ++wanting[to_string(what)];
    }
    for (const Finding& finding : report.findings) {
      by_kind[finding.kind].emplace_back(report.scenario, finding.sentence);
    }
  }
  std::string text = fmt::format("{} scenarios: {} passed, {} failed, {} skipped\n", reports.size(),
                                 passed, reports.size() - passed - skipped, skipped);
  for (const auto& [kind, shown] : by_kind) {
    text += fmt::format("The pool {} ({}):\n", to_string(kind), shown.size());
    constexpr std::size_t shown_max = 2;
    for (std::size_t i = 0; i < std::min(shown.size(), shown_max); ++i) {
      text += fmt::format("  {}: {}\n", shown[i].first, shown[i].second);
    }
  }
  if (!wanting.empty()) text += "Skipped, for want of:";
  for (const auto& [what, count] : wanting) text += fmt::format(" {} ({})", what, count);
  if (!wanting.empty()) text += "\n";
  return text;
}

}  // namespace ordeal::trial
