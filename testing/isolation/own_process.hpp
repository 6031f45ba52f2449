// Mode `full_isolation`: a test's body runs in a process of its own, in a folder of its own.
// Isolates: everything in memory, environment, directory, signals, threads, descriptors. Not: what
// it does to other processes, and to files outside its folder. A body that crashes or does not end
// fails its own test.
#pragma once

#include <chrono>
#include <functional>
#include <string>

namespace ordeal::trial {

struct OwnProcessEnd {
  bool passed = false;
  std::string how;  // "" if it passed; else "it ended by signal 11 (Segmentation fault)"
};

// Forks. REQUIRES: no other thread runs. `body` returns whether all was well. TMPDIR and the
// working directory are a folder that is removed afterwards; what is left of its process group is
// killed.
[[nodiscard]] OwnProcessEnd run_in_own_process(const std::function<bool()>& body,
                                               std::chrono::milliseconds patience);

}  // namespace ordeal::trial
