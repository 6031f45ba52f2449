#include "perf/scenarios/run_case.hpp"

#include "perf/scenarios/control_blocks.hpp"

namespace ordeal::perf {
namespace {

Attempt<Findings> measure(const CaseSpec& spec, const SampleOptions& options) {
  switch (spec.scenario) {
    case Scenario::calls:
      return measure_calls(spec, options);
    case Scenario::start:
      return measure_start(spec, options);
    case Scenario::replace:
      return measure_replace(spec, options);
    case Scenario::kills:
      return measure_kills(spec, options);
    case Scenario::roll:
      return measure_roll(spec, options);
    case Scenario::overload:
      return measure_overload(spec, options);
    case Scenario::store:
      return measure_store(spec, options);
    case Scenario::core:
      return measure_core(spec, options);
    case Scenario::simulation:
      return measure_simulation(spec, options);
  }
  return Findings{};
}

}  // namespace

Attempt<CaseRun> run_case(const CaseSpec& spec, const SampleOptions& options) {
  CaseRun run{.sample = {.suite = spec.suite, .case_name = spec.name, .params = spec.params}};
  if (options.control_blocks) add_control_blocks(run.sample.control, "before");
  const Usage before = usage_now(nullptr);
  auto findings = measure(spec, options);
  if (!findings) return tl::unexpected(findings.error());
  const Usage after = usage_now(nullptr);
  if (options.control_blocks) add_control_blocks(run.sample.control, "after");
  for (const Metric& metric : metrics_of(spec)) {
    const auto found = findings->values.find(metric.name);
    if (found != findings->values.end()) {
      run.sample.metrics.push_back({.metric = metric, .value = found->second});
    }
  }
  run.sample.nivcsw = after.involuntary_switches - before.involuntary_switches;
  run.sample.steal_s = after.steal_s - before.steal_s;
  run.sample.duration_s = findings->duration_s;
  run.findings = std::move(*findings);
  return run;
}

}  // namespace ordeal::perf
