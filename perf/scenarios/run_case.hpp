// Runs one case once, in this process, and says what it measured.
//
// A scenario is a function in a file of its own: it makes what it needs, warms up, measures, and
// leaves nothing behind. To add one: an enumerator in perf/suites/suite.hpp, its metrics in
// perf/suites/metrics.cpp, its function here.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "perf/measurement/measurement.hpp"
#include "perf/scenarios/usage.hpp"
#include "perf/suites/suite.hpp"
#include "testing/load/load_result.hpp"

namespace ordeal::perf {

struct SampleOptions {
  std::uint64_t calls = 0;                // 0: as the case says
  std::chrono::milliseconds duration{0};  // 0: as the case says
  std::uint64_t seed = 1;
  bool control_blocks = true;
  // A traced call takes 0.15 s, and a comparison some hundred samples: as few as have a median.
  std::uint32_t calls_by_instruction = 3;
};

// What a scenario found. `values` by a metric's name; `histogram` of latencies, where there is one.
struct Findings {
  std::map<std::string, double> values;
  std::map<std::string, std::uint64_t> errors;  // of calls, by category
  trial::LatencyHistogram latencies;
  std::vector<std::pair<double, double>> curve;  // throughput a second, p99 µs: overload
  std::vector<std::string> notes;                // what could not be measured, and why
  double duration_s = 0;
};

// Errors: program (the pool did not start, a worker answered wrongly).
[[nodiscard]] Attempt<Findings> measure_calls(const CaseSpec& spec, const SampleOptions& options);
[[nodiscard]] Attempt<Findings> measure_start(const CaseSpec& spec, const SampleOptions& options);
[[nodiscard]] Attempt<Findings> measure_replace(const CaseSpec& spec, const SampleOptions& options);
[[nodiscard]] Attempt<Findings> measure_kills(const CaseSpec& spec, const SampleOptions& options);
[[nodiscard]] Attempt<Findings> measure_roll(const CaseSpec& spec, const SampleOptions& options);
[[nodiscard]] Attempt<Findings> measure_overload(const CaseSpec& spec,
                                                 const SampleOptions& options);
[[nodiscard]] Attempt<Findings> measure_store(const CaseSpec& spec, const SampleOptions& options);
[[nodiscard]] Attempt<Findings> measure_core(const CaseSpec& spec, const SampleOptions& options);
[[nodiscard]] Attempt<Findings> measure_simulation(const CaseSpec& spec,
                                                   const SampleOptions& options);

struct CaseRun {
  Sample sample;
  Findings findings;
};
[[nodiscard]] Attempt<CaseRun> run_case(const CaseSpec& spec, const SampleOptions& options);

}  // namespace ordeal::perf
