// The pipes between the host and one worker, both ends of each. Internal to pool/process: spawn()
// gives the worker's ends to a child, ForkTemplate sends them to a template.
#pragma once

#include <cstddef>

#include "pool/process/file_descriptor.hpp"
#include "pool/process/spawn_step.hpp"
#include "pool/process/worker_process.hpp"

namespace ordeal::pool::process {

// The worker's ends block: programs expect that. The host's do not.
struct AllPipes {
  Pipe request;
  Pipe reply;
  Pipe error;
  Pipe progress;  // none, if not wanted

  // Leaves the worker's ends, but for that of the requests, which the host keeps a copy of.
  [[nodiscard]] WorkerPipes take_host_ends();
};

struct PipesWanted {
  bool with_progress = true;
  std::size_t bytes_min = 0;  // capacity of the request and reply pipes; 0: the system's
  SpawnHook* hook = nullptr;  // for tests
};

// Outcomes: all of them; or spawn_failed with the step's name, and none.
[[nodiscard]] Result<AllPipes> make_worker_pipes(const PipesWanted& wanted);

}  // namespace ordeal::pool::process
