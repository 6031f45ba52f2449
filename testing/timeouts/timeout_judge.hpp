// Which of the waits that time ended nobody had declared. A value; knows no clock and no test.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "pool/core/time.hpp"

namespace ordeal::trial {

struct EndedWait {
  int thread_id = 0;
  std::string thread;
  pool::core::Instant began{};
  pool::core::Instant deadline{};
  pool::core::Instant ended{};
  std::string test;
};

struct DeclaredWait {
  pool::core::Duration length_max{};
  std::string thread;  // empty: any
};

struct Declared {
  std::set<pool::core::Instant> deadlines;
  std::vector<DeclaredWait> waits;
  pool::core::Instant unknown_from = pool::core::never;
};

struct TimeoutVerdict {
  std::size_t at_deadlines = 0;
  std::size_t declared_waits = 0;
  std::vector<EndedWait> unexplained;
};

// `waits`: each thread's in the order in which they ended.
[[nodiscard]] TimeoutVerdict judge_timeouts(const std::vector<EndedWait>& waits,
                                            const Declared& declared);

// One line for each thread and about equal length: "12 waits of up to 10.000 ms in thread x".
[[nodiscard]] std::string describe(const std::vector<EndedWait>& unexplained);

}  // namespace ordeal::trial
