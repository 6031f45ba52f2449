// The host's side of the warden: the process that kills the workers when the host is gone.
//
//   host dies (SIGKILL, crash, exit)  ->  warden sees the host's pidfd, kills every registered
//   group warden dies                       ->  pidfd() becomes readable: restart() before another
//   spawn
//
// What it covers and what not is written in README.md; the protocol in lifeline.hpp.
//
// Invariants:
//   (1) A worker spawned with this lifeline() is known to the warden before its program runs; if
//       the warden is dead, spawn fails and nothing runs.
//   (2) A group is signalled by its leader's identity (group_signal.hpp), never by number alone.
//   (3) Nothing here raises SIGPIPE, touches signal dispositions, or waits more than a second.
//
// Thread safety: unregister_group(), register_group() and spawns from any thread; start(),
// restart() and destruction while no other thread is in one of them.
#pragma once

#include <chrono>
#include <span>

#include "pool/process/file_descriptor.hpp"
#include "pool/process/worker_process.hpp"

namespace ordeal::pool::process {

struct LiveGroup {
  int group = -1;
  int leader_pidfd = -1;  // stays the caller's
};

class Warden {
 public:
  // Outcomes: a running warden; or spawn_failed, "start of the warden failed at <step>: <errno>".
  // `hook`: for tests.
  [[nodiscard]] static Result<Warden> start(SpawnHook* hook = nullptr);

  Warden(Warden&& other) noexcept = default;
  Warden& operator=(Warden&&) = delete;  // what of the groups of the one that is overwritten?
  // Ends the warden, and with it whatever group is still registered: reap and unregister first. In
  // a forked child of the host it only closes.
  ~Warden();
  static constexpr std::chrono::milliseconds destructor_wait_max{1000};

  // For SpawnRequest::lifeline. Changes with restart().
  [[nodiscard]] int lifeline() const noexcept { return lifeline_.get(); }
  [[nodiscard]] int pid() const noexcept { return process_.pid(); }
  // Readable (POLLIN) from the warden's death on. Changes with restart().
  [[nodiscard]] int pidfd() const noexcept { return process_.pidfd(); }

  // For workers that a template forked: their spawn did not register them. The worker must not run
  // before this returns.
  // Outcomes: told; or spawn_failed (EPIPE: the warden is dead; EAGAIN: it has not read for a
  // second, so it is stopped: restart()).
  [[nodiscard]] Result<void> register_group(LiveGroup group);
  // Before or after the worker is reaped, once for each registration. Outcomes as above; on failure
  // nothing needs to be done but restart().
  [[nodiscard]] Result<void> unregister_group(int group);

  // A new warden that knows `live`. The old one, if it lives (stopped, say), is killed first, so
  // that it does not take the workers along.
  // Outcomes: as start() and register_group(); on failure there is no warden: spawns fail, pidfd()
  // stays readable, restart() can be called again.
  [[nodiscard]] Result<void> restart(std::span<const LiveGroup> live, SpawnHook* hook = nullptr);

 private:
  Warden(WorkerProcess process, FileDescriptor lifeline) noexcept;
  [[nodiscard]] Result<void> send(int record, int leader_pidfd);

  WorkerProcess process_;
  FileDescriptor lifeline_;
};

}  // namespace ordeal::pool::process
