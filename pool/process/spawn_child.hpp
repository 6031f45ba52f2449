// What a child does between clone and exec. Internal to launch.cpp.
#pragma once

#include <array>
#include <cstddef>

#include "pool/process/spawn_step.hpp"

namespace ordeal::pool::process {

inline constexpr std::size_t child_descriptors_max = 16;

// All that the child needs, made by the host: the child must not allocate. It lies in memory that
// host and child share (CLONE_VM), so the child's findings come back in it.
struct ChildPlan {
  // What to run: `program`, or, if it is null, the file behind `program_descriptor`.
  const char* program = nullptr;
  int program_descriptor = -1;
  char* const* arguments = nullptr;    // ends with a null pointer
  char* const* environment = nullptr;  // ends with a null pointer
  const char* directory = nullptr;     // null: the host's
  // descriptors[i] of the host becomes i of the program; all others close on exec.
  std::array<int, child_descriptors_max> descriptors{};
  std::size_t descriptor_count = 0;
  int lifeline = -1;  // < 0: nobody is told
  // A session of its own instead of only a group of its own, and signals stay blocked for ever.
  bool is_warden = false;
  SpawnHook* hook = nullptr;

  // Findings. error == 0 and step == executed: the program runs.
  SpawnStep step = SpawnStep::cloned;
  int error = 0;
  // The most that exec puts into the process' peak RSS: the peak of the host, whose memory the
  // child had. Only a peak above it is the program's own.
  long inherited_peak_rss_kib = 0;
};

// The function given to clone(). REQUIRES: all signals are blocked. Does not return.
int run_child(void* plan) noexcept;

}  // namespace ordeal::pool::process
