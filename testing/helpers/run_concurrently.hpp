// Runs operations at once, and measures whether they were: what ran beside what is taken from when
// each began and ended, not from how long all of it took.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace ordeal::trial {

struct Overlap {
  struct Run {
    std::chrono::steady_clock::time_point began;
    std::chrono::steady_clock::time_point ended;
  };
  std::vector<Run> runs;   // in the order of the operations
  std::uint32_t most = 0;  // that ran at one moment
  double average = 0;      // that ran, over the time in which any did
  std::string in_words() const;
};

// A thread for each; none begins before all are there. Returns when all have ended. Operations must
// not throw.
[[nodiscard]] Overlap run_concurrently(const std::vector<std::function<void()>>& operations);

// Of runs that were measured elsewhere. Ends before it begins: counts for nothing.
[[nodiscard]] Overlap overlap_of(std::vector<Overlap::Run> runs);

}  // namespace ordeal::trial
