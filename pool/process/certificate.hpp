// Fills in a worker's death certificate from what the process left and what the pool knew of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "ordeal/pool/error.hpp"
#include "pool/process/oom_counter.hpp"
#include "pool/process/worker_process.hpp"

namespace ordeal::pool::process {

// What only the pool knows.
struct DeathFacts {
  std::uint64_t worker = 0;
  int pid = 0;
  std::chrono::milliseconds age{0};
  std::uint64_t served = 0;
  std::uint64_t request_in_hand = 0;  // its id on the wire; 0: none
  bool before_ready = false;
  std::string kill_reason;  // empty: the pool sent it no signal
  std::string retired_for;  // empty: nobody has asked it to go
  std::string stderr_tail;
  std::string stack_dump;
};

// Pure but for `oom`, which is asked only if the worker died of a SIGKILL that the pool did not
// send. `oom` may be null: then memory is never suspected.
[[nodiscard]] DeathCertificate make_certificate(const ExitStatus& status, DeathFacts facts,
                                                OomCounter* oom, OomCounter::Instant now);

}  // namespace ordeal::pool::process
