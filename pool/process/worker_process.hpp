// A worker's process: its identity, its group, its descriptors, its end.
//
// Invariants:
//   (1) The process is identified by a pidfd made together with it; `pid()` is for people.
//   (2) The worker leads a process group of its own (`group() == pid()`).
//   (3) The group does not outlive the leader: before the leader is reaped, all that is left of the
//       group is killed. (The unreaped leader keeps the group's number ours.)
//   (4) After reaping no signal is sent.
//   (5) Destruction kills the group and reaps. In a forked child of the host it only closes.
//
// Works with SIGCHLD ignored and with somebody else's waitpid(-1): then the status is unknown. So
// it is if somebody else traces the worker and does not look. Thread safety: none; one owner at a
// time. Signals are not handled, masks not touched.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include "pool/core/time.hpp"
#include "pool/process/file_descriptor.hpp"

namespace ordeal::pool::process {

// The host's ends. All close on exec.
struct WorkerPipes {
  FileDescriptor to_worker;       // its 0; non-blocking
  FileDescriptor from_worker;     // its 1; non-blocking
  FileDescriptor standard_error;  // its 2; non-blocking
  FileDescriptor progress;        // its ORDEAL_PROGRESS_FD; non-blocking; may be none
  // Another read end of the request pipe; blocking, since it shares the worker's. Held, a write to
  // a dead worker neither fails nor raises SIGPIPE, and what it never read can be taken back; so
  // the worker's end of file comes only once this too is closed.
  FileDescriptor unread_requests;
};

struct ExitStatus {
  bool known = false;            // false: somebody else reaped it
  std::optional<int> exit_code;  // set iff known and it exited by itself
  std::optional<int> signal;     // set iff known and a signal ended it
  bool core_dumped = false;
  std::int64_t peak_rss_kib = -1;  // of it and of its reaped children; -1: unknown
};

struct MemorySample {
  std::int64_t rss_kib = -1;
  std::int64_t peak_rss_kib = -1;
};

enum class SignalOutcome : std::uint8_t {
  sent,
  nobody,   // reaped, or the group has no member any more
  refused,  // EPERM (the worker changed its user), or called in a forked child of the host
};

class WorkerProcess {
 public:
  // Takes over a running child that leads its own group: for workers made by a template.
  // REQUIRES: `pidfd` is that of `pid`; the process is a child of this one.
  // `inherited_peak_rss_kib`: its peak RSS when it began; a peak not above it is not its own.
  WorkerProcess(int pid, FileDescriptor pidfd, WorkerPipes pipes,
                std::int64_t inherited_peak_rss_kib = 0);
  WorkerProcess(WorkerProcess&& other) noexcept;
  WorkerProcess& operator=(WorkerProcess&& other) noexcept;
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;
  // Kills the group, and reaps if it dies within destructor_wait_max; else (it hangs in the kernel)
  // leaves it to die.
  ~WorkerProcess();
  static constexpr std::chrono::milliseconds destructor_wait_max{1000};

  [[nodiscard]] int pid() const noexcept { return pid_; }
  [[nodiscard]] int group() const noexcept { return pid_; }
  // Readable (POLLIN) from its death on, whoever reaps it.
  [[nodiscard]] int pidfd() const noexcept { return pidfd_.get(); }
  [[nodiscard]] WorkerPipes& pipes() noexcept { return pipes_; }
  [[nodiscard]] const WorkerPipes& pipes() const noexcept { return pipes_; }

  // To the worker and all its descendants that have not left the group.
  SignalOutcome signal_group(int signal);
  // To the worker alone (a request to dump its stacks, say).
  SignalOutcome signal_leader(int signal);
  // Kills what the worker left behind. For a worker that has died and is not reaped yet;
  // try_reap() does it by itself.
  SignalOutcome kill_group_remains();

  // Does not wait. Empty: it lives. Else kill_group_remains(), reaps, and says how it ended; the
  // same again when asked again. One that a tracer has not let go of (a debugger at its prompt) is
  // dead all the same, after a moment, with a status that is not known; the destructor reaps it.
  [[nodiscard]] std::optional<ExitStatus> try_reap();
  // As try_reap(), waiting for its death no longer than that.
  [[nodiscard]] std::optional<ExitStatus> reap_within(std::chrono::milliseconds wait_max);
  [[nodiscard]] bool is_reaped() const noexcept { return status_.has_value(); }

  // In a copy of the host that fork() made: nothing here works, and destruction only closes.
  [[nodiscard]] bool in_forked_child() const;

  // From /proc; empty once it is dead. Remembered, since exit's own figure is blind below the
  // host's size at the spawn (see ChildPlan): ExitStatus has the greatest one seen.
  [[nodiscard]] std::optional<MemorySample> sample_memory();

 private:
  void end() noexcept;
  void reap_what_a_tracer_held() const;
  [[nodiscard]] std::int64_t peak_rss_kib(std::int64_t reported) const;

  int pid_ = -1;
  int host_pid_ = -1;
  FileDescriptor pidfd_;
  WorkerPipes pipes_;
  std::int64_t inherited_peak_rss_kib_ = 0;
  std::int64_t sampled_peak_rss_kib_ = -1;
  std::optional<ExitStatus> status_;
  std::optional<core::Instant> held_by_tracer_since_;
};

}  // namespace ordeal::pool::process
