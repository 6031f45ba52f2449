// Which metrics each scenario's samples hold. Gated are those that a change of ours moves and noise
// hardly does: counters, CPU time, the best of several batches. The others are told.
#include "perf/suites/suite.hpp"

namespace ordeal::perf {
namespace {

Metric metric(const char* name, const char* unit, MetricKind kind, bool gated,
              Better better = Better::lower) {
  return {.name = name, .unit = unit, .kind = kind, .better = better, .gated = gated};
}

void add_calls(std::vector<Metric>& all, const CaseSpec& spec) {
  all.push_back(metric("cpu", "µs/call", MetricKind::cpu, true));
  all.push_back(metric("worker_cpu", "µs/call", MetricKind::cpu, false));
  all.push_back(metric("wall_min", "µs/call", MetricKind::wall, true));
  all.push_back(metric("wall_mean", "µs/call", MetricKind::wall, false));
  for (const char* name : {"p50", "p90", "p95", "p99", "p999"}) {
    all.push_back(metric(name, "µs", MetricKind::percentile, false));
  }
  all.push_back(metric("queued_p50", "µs", MetricKind::percentile, false));
  all.push_back(metric("throughput", "calls/s", MetricKind::throughput, false, Better::higher));
  all.push_back(metric("success_rate", "1", MetricKind::ratio, false, Better::higher));
  all.push_back(metric("wake_ups", "1/call", MetricKind::counter, false));
  all.push_back(metric("allocations", "1/call", MetricKind::counter, true));
  if (is_counted(spec)) {
    all.push_back(metric("system_calls", "1/call", MetricKind::counter, true));
    all.push_back(metric("instructions", "1/call", MetricKind::counter, true));
  }
  all.push_back(metric("host_rss", "KiB", MetricKind::memory, false));
  all.push_back(metric("worker_rss", "KiB", MetricKind::memory, false));
  all.push_back(metric("worker_pss", "KiB", MetricKind::memory, false));
  if (spec.callers > 1) {
    all.push_back(metric("fairness", "Jain", MetricKind::ratio, false, Better::higher));
  }
}

void add_load(std::vector<Metric>& all, const CaseSpec& spec) {
  all.push_back(metric("peak", "calls/s", MetricKind::throughput, false, Better::higher));
  if (spec.scenario == Scenario::overload) {
    all.push_back(metric("goodput", "of the peak", MetricKind::ratio, false, Better::higher));
    all.push_back(metric("recovery", "ms", MetricKind::wall, false));
  } else {
    all.push_back(metric("p99_calm", "µs", MetricKind::percentile, false));
    all.push_back(metric("p99", "µs", MetricKind::percentile, false));
    all.push_back(metric("p99_ratio", "over calm", MetricKind::ratio, false));
  }
  all.push_back(metric("success_rate", "1", MetricKind::ratio, false, Better::higher));
  if (spec.scenario == Scenario::roll) {
    all.push_back(metric("roll", "ms", MetricKind::wall, false));
  }
}

}  // namespace

// A caller that spins reads as often as it happens to.
bool is_counted(const CaseSpec& spec) {
  return spec.scenario == Scenario::calls && spec.pool.spin == pool::SpinMode::off &&
         spec.callers == 1 && spec.command == "echo" && spec.sessions == 0 &&
         spec.payload_bytes <= 1024;
}

std::vector<Metric> metrics_of(const CaseSpec& spec) {
  std::vector<Metric> all;
  switch (spec.scenario) {
    case Scenario::calls:
      add_calls(all, spec);
      break;
    case Scenario::start:
      all.push_back(metric("ready", "ms", MetricKind::wall, true));
      all.push_back(metric("cpu", "ms", MetricKind::cpu, true));
      all.push_back(metric("workers_pss", "KiB", MetricKind::memory, false));
      break;
    case Scenario::replace:
      all.push_back(metric("ready_p50", "ms", MetricKind::percentile, true));
      all.push_back(metric("ready_p90", "ms", MetricKind::percentile, false));
      all.push_back(metric("ready_max", "ms", MetricKind::percentile, false));
      break;
    case Scenario::kills:
    case Scenario::roll:
    case Scenario::overload:
      add_load(all, spec);
      break;
    case Scenario::store:
      all.push_back(metric("cpu", "µs/update", MetricKind::cpu, true));
      all.push_back(metric("wall_min", "µs/update", MetricKind::wall, true));
      all.push_back(metric("p99", "µs", MetricKind::percentile, false));
      all.push_back(metric("allocations", "1/update", MetricKind::counter, true));
      break;
    case Scenario::core:
      all.push_back(metric("cpu", "ns/operation", MetricKind::cpu, true));
      all.push_back(metric("instructions", "1/operation", MetricKind::counter, true));
      break;
    case Scenario::simulation:
      all.push_back(metric("cpu", "ns/request", MetricKind::cpu, true));
      all.push_back(metric("requests", "1/s", MetricKind::throughput, false, Better::higher));
      break;
  }
  return all;
}

}  // namespace ordeal::perf
