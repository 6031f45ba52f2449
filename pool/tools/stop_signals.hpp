// SIGINT, SIGTERM and SIGHUP as a descriptor. Only tools do this; the pool touches no signal.
#pragma once

#include "pool/process/file_descriptor.hpp"

namespace ordeal::pool::tools {

// REQUIRES: made before any thread, so that all of them inherit the mask. Blocks those of the three
// that the caller of the program does not ignore (nohup, background jobs), and SIGPIPE, whose
// writes then fail with EPIPE.
class StopSignals {
 public:
  StopSignals();
  [[nodiscard]] int descriptor() const { return signals_.get(); }
  // How many came since; never blocks.
  [[nodiscard]] int take() const;

 private:
  process::FileDescriptor signals_;
};

}  // namespace ordeal::pool::tools
