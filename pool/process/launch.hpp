// clone + exec as one blocking call. Internal: spawn() and Warden::start() are made of it.
//
// The clone is CLONE_VM | CLONE_VFORK | CLONE_PIDFD, with a stack of the child's own:
//   - CLONE_PIDFD: the pidfd is made together with the process. A pidfd_open(pid) afterwards may
//     meet another process: in a host that ignores SIGCHLD, or calls waitpid(-1), a child that died
//     at once is reaped at once, and its pid is free.
//   - CLONE_VM: no copy of the host's page tables. fork() of a large host costs 60 to 126 ms.
//   - CLONE_VFORK: the host's thread waits until exec or exit, so the child's findings can simply
//   be
//     read, and no two run on one thread's data.
//   - no exit signal: a child that fails before exec raises no SIGCHLD in the host and cannot be
//     reaped by the host's waitpid(-1). exec makes it an ordinary child.
// By clone and not by clone3: the same flags, and not refused by container seccomp profiles that
// know no clone3.
#pragma once

#include <string_view>

#include "pool/process/file_descriptor.hpp"
#include "pool/process/spawn_child.hpp"

namespace ordeal::pool::process {

struct Launched {
  int pid = -1;
  FileDescriptor pidfd;
};

// Blocks until the program runs or cannot; how long is up to the kernel (a chdir or exec on a dead
// network file system hangs, killable only). All signals are blocked in this thread meanwhile.
// Outcomes: the running program; or spawn_failed, with `subject` and the step, and no child left.
// Thread safety: any thread, any number at once.
[[nodiscard]] Result<Launched> launch(ChildPlan& plan, std::string_view subject);

}  // namespace ordeal::pool::process
