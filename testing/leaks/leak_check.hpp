// What a test leaves behind: processes, zombies, threads, descriptors, sockets, temporary files,
// shared memory.
//
//     const auto before = trial::take_snapshot(watched);
//     ...
//     for (const trial::Leak& leak : trial::leaks_since(before, watched, 1s)) complain(leak.what);
//
// In a test program nothing of this is called by hand: link ordeal_trial_leak_check, and every test
// and every suite in it is checked (leak_listener.hpp).
//
// Ends that are on their way (a killed process, a thread that was just joined) are awaited, by
// their own events, up to the given patience. What can only be ended by somebody's doing (an open
// descriptor, a zombie child, a file) is a leak at once.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "testing/leaks/process_table.hpp"

namespace ordeal::trial {

struct Watched {
  std::string marker;       // "NAME=value" in the environment of what the test starts; may be empty
  std::string temp_folder;  // whose files are the test's; empty: none
};

struct Snapshot {
  std::map<std::string, ProcessEntry> processes;  // by pid and start
  std::map<std::string, ThreadEntry> threads;
  std::map<std::string, std::string> descriptors;  // "12 -> pipe:[3]": "descriptor 12 -> pipe:[3]"
  std::map<std::string, std::string> files;
  std::map<std::string, std::string> shared_memory;  // by key (shared_memory.hpp)
};

enum class LeakKind : std::uint8_t {
  process,
  zombie,
  thread,
  descriptor,
  socket,
  file,
  shared_memory,
};

struct Leak {
  LeakKind kind{};
  std::string what;  // names it: "descriptor 12 -> pipe:[81]"
  int pid = 0;       // kind process, zombie
  std::string path;  // kind file; of shared memory its key
};

[[nodiscard]] Snapshot take_snapshot(const Watched& watched);

// What is there now and was not before. Waits at most `patience` for what is about to end.
[[nodiscard]] std::vector<Leak> leaks_since(const Snapshot& before, const Watched& watched,
                                            std::chrono::milliseconds patience);

// Kills the leaked processes, reaps the zombies, removes the files: one test's leak must not fail
// the next. Descriptors and threads are beyond its reach (and are in the next test's `before`).
void clean_up(const std::vector<Leak>& leaks);

}  // namespace ordeal::trial
