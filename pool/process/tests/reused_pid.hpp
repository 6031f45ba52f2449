// A process with a pid of the test's choice, leading its own group, that only waits: pid reuse made
// to order. Needs the right to choose (CAP_CHECKPOINT_RESTORE), and that the pid is free.
#pragma once

#include "pool/process/file_descriptor.hpp"

namespace ordeal::pool::process {

class ReusedPid {
 public:
  // `group`: which process group it joins; 0: one of its own.
  explicit ReusedPid(int pid, int group = 0);
  ReusedPid(const ReusedPid&) = delete;
  ReusedPid& operator=(const ReusedPid&) = delete;
  ~ReusedPid();  // kills and reaps it

  [[nodiscard]] bool is_there() const { return static_cast<bool>(pidfd_); }
  [[nodiscard]] int pid() const { return pid_; }
  [[nodiscard]] int pidfd() const { return pidfd_.get(); }

 private:
  int pid_;
  FileDescriptor pidfd_;
};

}  // namespace ordeal::pool::process
