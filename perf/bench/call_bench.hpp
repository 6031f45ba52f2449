// Calls through the pool beside the control, in interleaved pairs of blocks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ordeal/pool/options.hpp"
#include "perf/bench/sample.hpp"

namespace ordeal::perf {

struct CallBenchOptions {
  std::uint32_t pairs = 40;  // of blocks; the order within a pair alternates
  std::uint32_t calls_per_block = 200;
  std::uint32_t warm_up_calls = 500;  // of each side, before the first pair
  std::size_t payload_bytes = 64;
  bool pinned = false;  // caller and workers on one CPU
  pool::SpinMode spin = pool::SpinMode::adaptive;
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
};

[[nodiscard]] pool::Result<CallBenchResult> run_call_bench(const CallBenchOptions& options);

}  // namespace ordeal::perf
