// Mode `contamination_detection`: names what a test changed in its process for those after it, and
// puts back what can be put back.
//
// Seen are: threads, descriptors, children (also zombies), environment, working directory, umask,
// signal handlers, this thread's signal mask. Not: memory, and files outside TMPDIR.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "testing/isolation/signal_routing.hpp"
#include "testing/leaks/leak_check.hpp"

namespace ordeal::trial {

class ContaminationWatch {
 public:
  ContaminationWatch();
  // What is there now and was not at the beginning, and what has changed: a sentence each. What is
  // about to end is awaited for so long. Puts back environment, directory, umask, signals; ends
  // stray children. Threads and descriptors stay, and are no news to the next watch.
  [[nodiscard]] std::vector<std::string> clean_up(std::chrono::milliseconds patience);

 private:
  Snapshot before_;
  std::map<std::string, std::string> environment_;
  std::string directory_;
  mode_t umask_;
  SignalSetup signals_;
};

}  // namespace ordeal::trial
