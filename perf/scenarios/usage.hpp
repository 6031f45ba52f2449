// What a run costs the machine: of this process, of the workers, and what others took meanwhile.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "ordeal/pool/pool.hpp"

namespace ordeal::perf {

// Since the process (or the machine) began: differences are what counts.
struct Usage {
  double cpu_s = 0;  // of this process, all threads
  std::int64_t voluntary_switches = 0;
  std::int64_t involuntary_switches = 0;
  double steal_s = 0;        // of the machine
  double workers_cpu_s = 0;  // of the workers that live
  std::int64_t workers_voluntary_switches = 0;
  std::uint64_t allocations = 0;  // of this thread
};
[[nodiscard]] Usage usage_now(const pool::Pool* pool);

struct Memory {
  double host_rss_kib = 0;
  double worker_rss_kib = 0;  // mean of the workers
  double worker_pss_kib = 0;
  double workers_pss_kib = 0;  // all together, the template included
};
[[nodiscard]] Memory memory_now(const pool::Pool& pool);

}  // namespace ordeal::perf
