// Looks that the core orders at workers which give no sign of themselves, and the stacks of those
// that it is about to kill.
//
// Before a look is answered, all that there is to be read of the worker has been read and told: a
// host that was itself held up (stopped, starved) must not take its own delay for a worker's.
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <utility>

#include "pool/runtime/async_call.hpp"
#include "pool/runtime/housekeeper.hpp"
#include "pool/runtime/proc.hpp"
#include "pool/runtime/watch.hpp"

namespace ordeal::pool::runtime {

void Housekeeper::look(core::WorkerId id) {
  WorkerRecord* worker = engine_.worker(id);
  std::uint32_t reports = 0;
  if (worker == nullptr) {  // not forked yet
    reports = look_at_template();
    worker = engine_.worker(id);
    if (worker != nullptr) ++reports;  // just now
  } else if (!worker->exited && is_readable_now(worker->process->pidfd())) {
    bury(*worker);
  } else if (worker->purpose == Purpose::handshake || worker->purpose == Purpose::start_call) {
    advance(*worker);
  }
  core::event::WorkerLooked looked{.worker = id, .reports = reports};
  worker = engine_.worker(id);
  if (worker != nullptr && worker->exited) return;  // that has been told
  if (worker != nullptr) {
    drain_progress(*worker);
    const core::Sign sign = sign_of(worker->pid);
    looked.activity = sign.activity;
    looked.trace = sign.trace;
    looked.reports += std::exchange(worker->reports, 0);
    looked.beats = std::exchange(worker->beats, 0);
  }
  engine_.feed(looked);
}

// Whether the template has come any further since the last look: says what it has reported.
std::uint32_t Housekeeper::look_at_template() {
  if (!template_.process) return 0;
  advance_template();
  if (!template_.process) return 0;
  std::uint32_t bytes = 0;
  constexpr int reads_max = 16;
  std::array<char, 4096> chunk{};
  const int pipe = template_.process->process().pipes().progress.get();
  for (int i = 0; i < reads_max && pipe >= 0; ++i) {
    const ssize_t count = ::read(pipe, chunk.data(), chunk.size());
    if (count <= 0) break;
    bytes += static_cast<std::uint32_t>(count);
  }
  return bytes > 0 ? 1 : 0;
}

// Whoever has no handler for the signal would die of it, and so is not asked. One that is stopped
// is let go on for this, its last moment.
void Housekeeper::dump_stacks(WorkerRecord& worker) {
  if (worker.exited) return;
  worker.dumping = true;
  if (!worker.process->pipes().standard_error || !catches_signal(worker.pid, SIGUSR1)) {
    return end_dump(worker);
  }
  drain_stderr(*worker.stderr_tail, *worker.process);
  worker.stderr_before_dump = worker.stderr_tail->bytes_seen();
  if (worker.process->signal_leader(SIGUSR1) != process::SignalOutcome::sent) {
    worker.stderr_before_dump.reset();
    return end_dump(worker);
  }
  if (process_state(worker.pid) == ProcessState::stopped) {
    (void)worker.process->signal_leader(SIGCONT);
  }
}

void Housekeeper::end_dump(WorkerRecord& worker) {
  worker.dumping = false;
  engine_.feed(core::event::StacksDumped{.worker = worker.id});
}

}  // namespace ordeal::pool::runtime
