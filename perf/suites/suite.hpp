// Suites: what is measured, as data. A TOML file in perf/suites/ is a suite; its cases are
// scenarios with parameters; bars say what a case must reach.
//
//   about = "A call by the size of what it carries"
//   [[case]]
//   name = "echo_64"
//   scenario = "calls"
//   payload_bytes = 64
//   pool = { size = 1, spin = "off" }           # any option of the pool
//   beside = ["raw_pipe"]                       # run interleaved with it, for ratios
//   bars = [ { metric = "p50", beside = "raw_pipe", max = 1.12 } ]
//
// The files are built into the program, so that a kept binary measures what it was built to
// measure. An unknown key, scenario, option or metric is an error with file and line that says what
// is allowed. Thread safety: values.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ordeal/pool/options.hpp"
#include "perf/measurement/measurement.hpp"

namespace ordeal::perf {

enum class Scenario : std::uint8_t {
  calls,       // callers, back to back
  start,       // until all workers are ready
  replace,     // SIGKILL of a worker until its replacement is ready
  kills,       // latency of a steady load with a kill each kill_every_ms, over without
  roll,        // all workers replaced by others under load
  overload,    // goodput at twice the peak rate, and afterwards
  store,       // a session's update
  core,        // one operation of the core, no process
  simulation,  // the simulated pool, faults on, every invariant checked
};
[[nodiscard]] std::string_view to_string(Scenario scenario);

// What a case must reach. Without `beside`, of the metric itself; else of its ratio to that of the
// contestant, in the same run.
struct Bar {
  std::string metric;
  std::string beside;
  std::optional<double> min;
  std::optional<double> max;
  bool advice = false;  // told if missed, and no failure
};

struct CaseSpec {
  std::string suite;
  std::string name;
  std::string about;
  Scenario scenario = Scenario::calls;
  pool::Options pool;  // without command

  // Of the work: a command of the worker kit's zoo, and what it is told.
  std::string command = "echo";      // echo, sleep, busy
  std::uint64_t payload_bytes = 64;  // echo
  std::uint32_t work_ms = 0;         // sleep, busy

  // Of the load.
  std::uint32_t callers = 1;
  std::uint64_t calls = 2'000;                // of a sample; `duration` bounds it, too
  std::chrono::milliseconds duration{3'000};  // at most
  std::chrono::milliseconds deadline{10'000};
  std::uint64_t warm_up_calls = 0;  // 0: until it is steady
  std::uint32_t sessions = 0;       // 0: calls have none
  std::uint32_t sessions_skew_percent = 100;
  std::uint32_t load_percent = 30;  // kills, roll: of the peak rate
  std::chrono::milliseconds kill_every{1'000};
  bool pinned = false;           // caller and workers on one CPU
  bool slow_import = false;      // workers whose import computes for half a second
  std::uint32_t rounds = 10;     // start, replace: so many times in a sample
  std::string store = "memory";  // store: memory, sqlite
  std::string operation;         // core: grant, session, guarded

  std::vector<std::string> beside;  // contestants
  std::vector<Bar> bars;
  nlohmann::json params = nlohmann::json::object();  // as written, for who reads a sample
};

struct Suite {
  std::string name;
  std::string about;
  std::vector<CaseSpec> cases;
};

// Errors: value ("FILE:LINE: ...").
[[nodiscard]] Attempt<Suite> suite_from_toml(std::string_view text, const std::string& name,
                                             const std::string& file_name);

// All that are built in, by name; or those of a folder of *.toml files. Errors: value, file.
[[nodiscard]] Attempt<std::vector<Suite>> built_in_suites();
[[nodiscard]] Attempt<std::vector<Suite>> suites_of_folder(const std::string& folder);

// Errors: value, with the names there are.
[[nodiscard]] Attempt<CaseSpec> find_case(const std::vector<Suite>& suites, std::string_view suite,
                                          std::string_view name);

// Whether the system calls and instructions of a call are counted: exact, by tracing it.
[[nodiscard]] bool is_counted(const CaseSpec& spec);

// What samples of this case hold; perf/scenarios measures exactly these (a counter that this
// machine does not permit is left out of a sample).
[[nodiscard]] std::vector<Metric> metrics_of(const CaseSpec& spec);

}  // namespace ordeal::perf
