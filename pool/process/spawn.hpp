// Starting a worker: pipes, process, group, warden, exec. The timeline is drawn in README.md.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "pool/process/file_descriptor.hpp"
#include "pool/process/spawn_step.hpp"
#include "pool/process/worker_process.hpp"

namespace ordeal::pool::process {

// A descriptor of the host that the worker keeps; `variable` in its environment has the number.
struct InheritedDescriptor {
  int descriptor = -1;  // stays the host's
  std::string variable;
};
inline constexpr std::size_t inherited_descriptors_max = 8;

struct SpawnRequest {
  // Program and arguments. A name without '/' is searched along PATH of `environment` (none: of the
  // system's default path), before the clone. A relative path with '/' goes from the host's own
  // directory, not from `working_directory`.
  std::vector<std::string> command;
  // "NAME=value", all that the worker gets (make_environment() builds it from an allow-list), and
  // ORDEAL_PROGRESS_FD and the `inherited` variables.
  std::vector<std::string> environment;
  std::string working_directory;  // empty: the host's
  bool with_progress = true;      // a pipe for the worker kit's progress reports
  std::vector<InheritedDescriptor> inherited;
  // Warden::lifeline(). < 0: without a warden, nothing ends this worker when the host is killed.
  int lifeline = -1;
  std::size_t pipe_bytes_min = 0;  // capacity of the request and reply pipes; 0: the system's
  SpawnHook* hook = nullptr;       // for tests
};

// Blocks until the worker's program runs (some 0.3 ms) or cannot: see launch.hpp.
//
// The worker gets: 0 requests, 1 replies, 2 stderr (blocking ends), progress at the number that
// ORDEAL_PROGRESS_FD says; every other descriptor closed; signals default and unblocked; its own
// group; the host's session, directory, limits, user, umask.
//
// Outcomes: a running worker that the warden, if given, already knows; or
//   spawn_failed    "spawn of <program> failed at <step>: <errno>", nothing left behind;
//   invalid_option  the request cannot be (empty command, NUL in a string, too many descriptors).
// If the error names the registration with EPIPE, the warden is dead: restart it, then try again.
// Thread safety: any thread; the host's environment is not read.
[[nodiscard]] Result<WorkerProcess> spawn(const SpawnRequest& request);

}  // namespace ordeal::pool::process
