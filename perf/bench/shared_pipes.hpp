// Raw pipes that several callers take in turns: the least that a host must do who has more callers
// than workers, serves them in the order in which they came (invariant 5) and gives a worker one
// request at a time (invariant 13).
//
// A pipe that is given back goes to whoever has waited longest, who is then woken; nobody else can
// take it in between. No deadline, no cancel, no look at the clock. Thread-safe.
#pragma once

#include <deque>
#include <mutex>
#include <string_view>
#include <vector>

#include "perf/bench/raw_pipe.hpp"

namespace ordeal::perf {

class SharedPipes {
 public:
  // The pipes must live longer.
  explicit SharedPipes(std::vector<RawPipe>& pipes);
  // As RawPipe::call, on whichever pipe is free first.
  [[nodiscard]] pool::Result<std::size_t> call(std::string_view command, std::string_view args);

 private:
  struct Waiter;
  [[nodiscard]] RawPipe* take();
  void give_back(RawPipe* pipe);

  std::mutex mutex_;
  std::vector<RawPipe*> free_;   // guarded by mutex_, as the next; empty while somebody waits
  std::deque<Waiter*> waiting_;  // the one who has waited longest first
};

}  // namespace ordeal::perf
