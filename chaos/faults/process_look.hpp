// What /proc says about processes: who is whose child.
#pragma once

#include <string>
#include <vector>

namespace ordeal::chaos {

struct ProcessSeen {
  int pid = 0;
  int parent = 0;
  char state = '?';  // as in /proc/PID/stat: R, S, D, Z ...
  std::string name;
};

// pid 0 if there is no such process.
[[nodiscard]] ProcessSeen look_at_process(int pid);

// Zombies included: a child that nobody reaped was left behind, too.
[[nodiscard]] std::vector<ProcessSeen> children_of_this_process();

}  // namespace ordeal::chaos
