// What a measurement is: the contract between those who measure (perf/run) and those who judge
// (perf/stats, perf/baseline, perf/report).
//
// A case is one scenario of a suite, with parameters. A sampler runs ONE case ONCE in a fresh
// process and prints one JSON object, a Sample. `ordeal-perf sample` is one; so is any program that
// prints the same. Unknown or missing members are errors that name the file and the member.
//
//   {"schema": "ordeal-perf-sample/1", "suite": "round_trip", "case": "echo_16",
//    "params": {"payload_bytes": 16},
//    "metrics": [{"name": "cpu", "unit": "µs/call", "kind": "cpu", "better": "lower",
//                 "gated": true, "value": 21.4}, ...],
//    "control": [{"name": "spin_before", "value": 1.002}, {"name": "spin_after", "value": ...}],
//    "nivcsw": 3, "steal_s": 0.0, "duration_s": 0.31}
//
// Thread safety: values.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "perf/measurement/error.hpp"

namespace ordeal::perf {

// What noise does to it decides how it is judged (perf/stats/rules.hpp).
enum class MetricKind {
  counter,     // counted: instructions, system calls, allocations, wake-ups; tight limits, the hard
               // gate
  cpu,         // CPU time
  wall,        // elapsed time
  percentile,  // of latencies
  memory,
  throughput,
  ratio,  // to a control of the same run
};
enum class Better {
  lower,
  higher
};
[[nodiscard]] std::string_view to_string(MetricKind kind);
[[nodiscard]] std::string_view to_string(Better better);

struct Metric {
  std::string name;  // unique in its case
  std::string unit;
  MetricKind kind = MetricKind::wall;
  Better better = Better::lower;
  bool gated = true;  // a regression of it fails a comparison; else it is told

  bool operator==(const Metric&) const = default;
};

struct MeasuredMetric {
  Metric metric;
  double value = 0;  // finite
};

// A block of work that the change under test cannot touch, timed just before or after the case:
// spin, memcpy, futex ping-pong. Lower is better. Names are the same in each sample of a case
// ("spin_before", "spin_after", ...). It tells whether the machine was fit to measure; results are
// never divided by it.
struct ControlBlock {
  std::string name;
  double value = 0;  // finite, > 0
};

struct Sample {
  std::string suite;
  std::string case_name;
  nlohmann::json params = nlohmann::json::object();
  std::vector<MeasuredMetric> metrics;
  std::vector<ControlBlock> control;
  std::int64_t nivcsw = 0;  // involuntary context switches of the sampler while the case ran
  double steal_s = 0;       // time that the hypervisor took, of /proc/stat, while the case ran
  double duration_s = 0;    // of the case, without start and warm-up
};

inline constexpr std::string_view sample_schema = "ordeal-perf-sample/1";
inline constexpr std::string_view cases_schema = "ordeal-perf-cases/1";

// `about` is named by errors: the sampler's command, or a file. Errors: schema, value.
[[nodiscard]] Attempt<Sample> sample_from_json(const nlohmann::json& value,
                                               const std::string& about);
[[nodiscard]] nlohmann::json to_json(const Sample& sample);

// What `ordeal-perf cases --json` lists:
//   {"schema": "ordeal-perf-cases/1", "cases": [{"suite", "case", "params", "metrics": [{"name",
//    "unit", "kind", "better", "gated"}...]}...]}
struct Case {
  std::string suite;
  std::string name;
  nlohmann::json params = nlohmann::json::object();
  std::vector<Metric> metrics;
};
[[nodiscard]] Attempt<std::vector<Case>> cases_from_json(const nlohmann::json& value,
                                                         const std::string& about);
[[nodiscard]] nlohmann::json to_json(const std::vector<Case>& cases);

// A metric's members, for other documents that hold some.
class ObjectReader;
[[nodiscard]] Metric read_metric(ObjectReader& reader);
[[nodiscard]] nlohmann::json to_json(const Metric& metric);

}  // namespace ordeal::perf
