// The processes that a test is answerable for, read from /proc.
//
// A process belongs to a test if it descends from the test's own process, or if its environment
// holds the test's marker: an orphan has lost its parents, but not its environment.
// What it cannot see: a process that has both left the family and cleared its environment.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ordeal::trial {

struct ProcessEntry {
  int pid = 0;
  int parent = 0;
  char state = '?';               // as in /proc/<pid>/stat; Z: zombie
  std::uint64_t start_ticks = 0;  // with the pid: its identity
  std::string name;               // of the program
  std::string command_line;       // bounded; empty for zombies
  [[nodiscard]] bool is_zombie() const { return state == 'Z' || state == 'X'; }
  [[nodiscard]] std::string describe() const;  // "process 812 (S, child of 4) python3 bridge.py"
};

// All descendants of `root` (itself excluded) and all processes whose environment has the entry
// `marker` ("NAME=value"; empty: nobody); by pid. Zombies among descendants included.
[[nodiscard]] std::vector<ProcessEntry> processes_of(int root, std::string_view marker);

struct ThreadEntry {
  int id = 0;
  std::uint64_t start_ticks = 0;
  std::string name;
  [[nodiscard]] std::string describe() const;  // "thread 813 ordeal-house"
};

// The threads of this process that have not ended; by id.
[[nodiscard]] std::vector<ThreadEntry> threads_of_this_process();

// Everything in a file of /proc, at most `bytes_max`; empty if it cannot be read.
[[nodiscard]] std::string read_proc(const std::string& path, std::size_t bytes_max = 1U << 16U);

}  // namespace ordeal::trial
