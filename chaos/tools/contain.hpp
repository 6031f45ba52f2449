// A run in a process of its own: a pool that takes its host down with it is a finding, not the end
// of the tool; and what was not undone then, is undone at once.
//
// Invariants:
//   (1) The run does not outlive this process (PR_SET_PDEATHSIG): whoever kills this one has ended
//       both, and the undo records are on disk.
//   (2) SIGINT and SIGTERM to this process reach the run, which rolls back and ends as unknown; a
//       second one ends it at once.
#pragma once

#include <functional>

namespace ordeal::chaos {

struct Contained {
  int exit_code = 0;
  int signal = 0;  // that ended the run; 0: it ended by itself
};

// REQUIRES: this process has one thread.
[[nodiscard]] Contained run_contained(const std::function<int()>& run);

// In the run: whether it has been asked to end.
[[nodiscard]] bool asked_to_end();

}  // namespace ordeal::chaos
