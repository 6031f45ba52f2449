// Calls through the pool beside a control, in interleaved pairs of blocks, by several processes of
// each.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ordeal/pool/options.hpp"
#include "perf/bench/sample.hpp"

namespace ordeal::perf {

enum class Control : std::uint8_t {
  raw_pipes,      // one for each worker of the pool, each with a caller of its own
  shared_pipes,   // the same, which as many callers as the pool has take in turns
  blocking_pool,  // a pool like the measured one that never spins
};

struct CallBenchOptions {
  std::uint32_t pairs = 40;  // of blocks; the order within a pair alternates
  // Then both sides start anew. Where a process lies in memory makes one faster than the next of
  // the same program by some percent: a ratio of two processes has that luck in it, one of many
  // does not.
  std::uint32_t pairs_per_process = 5;
  std::uint32_t calls_per_block = 200;
  std::uint32_t warm_up_calls = 500;  // of each side, before its first pair
  std::string command = "echo";
  std::string arguments = "{}";  // a JSON object
  std::uint32_t callers = 1;     // of the pool, at once
  std::uint32_t workers = 1;
  bool pinned = false;   // callers and workers on one CPU
  bool crowded = false;  // others keep every CPU busy
  Control control = Control::raw_pipes;
  pool::SpinMode spin = pool::SpinMode::adaptive;
  std::uint32_t worker_spin_us = 0;
  std::vector<std::string> worker;  // command
};

struct CallBenchResult {
  Summary pool;  // over all blocks
  Summary control;
  // Medians over the pairs of (pool's statistic / control's statistic), with 95 % intervals.
  Interval mean_ratio;
  Interval p50_ratio;
  Interval p90_ratio;
  Interval p99_ratio;
  Interval cpu_ratio;         // CPU time of the host and the workers for one call
  Interval throughput_ratio;  // calls a second, by all callers
  // What the pool's spinning cost for each of its calls.
  double reads_wasted_per_call = 0;
  double yields_per_call = 0;
};

[[nodiscard]] pool::Result<CallBenchResult> run_call_bench(const CallBenchOptions& options);

}  // namespace ordeal::perf
