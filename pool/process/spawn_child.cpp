// The child between clone and exec. It runs on a stack of its own, in the host's memory, while the
// host's thread is suspended and all signals are blocked: so raw system calls only, no allocation,
// no lock, no errno. This file is compiled without sanitizers (CMakeLists.txt): their bookkeeping
// of a thread's call stack would not survive the exec.
#include "pool/process/spawn_child.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/resource.h>

#include <csignal>

#include "pool/process/lifeline.hpp"
#include "pool/process/raw_syscall.hpp"

namespace ordeal::pool::process {
namespace {

// The kernel's, which is not the C library's: 64 signals, one bit each.
constexpr int signals_max = 64;
constexpr long kernel_sigset_bytes = signals_max / 8;

[[noreturn]] void leave(int code) {
  for (;;) (void)raw_syscall(SYS_exit_group, code);
}

[[noreturn]] void fail(ChildPlan& plan, long result) {
  plan.error = static_cast<int>(-result);
  leave(127);
}

// Begins a step; a test's hook may make it fail.
void begin(ChildPlan& plan, SpawnStep step) {
  plan.step = step;
  if (plan.hook == nullptr) return;
  const int injected = plan.hook->before(step);
  if (injected != 0) fail(plan, -injected);
}

// A group of its own before anything else, so that all that comes after dies with the group.
void leave_group(ChildPlan& plan) {
  begin(plan, plan.is_warden ? SpawnStep::set_session : SpawnStep::set_group);
  const long result = plan.is_warden ? raw_syscall(SYS_setsid) : raw_syscall(SYS_setpgid, 0, 0);
  if (result < 0) fail(plan, result);
}

// Tells the warden before the program runs. Without a warden there is no exec: a program that
// nobody kills after the host's death must not start.
void register_with_warden(ChildPlan& plan) {
  if (plan.lifeline < 0) return;
  const long pid = raw_syscall(SYS_getpid);
  begin(plan, SpawnStep::opened_own_pidfd);
  const long pidfd = raw_syscall(SYS_pidfd_open, pid, 0);
  if (pidfd < 0) fail(plan, pidfd);
  begin(plan, SpawnStep::registered);
  const long sent =
      send_lifeline_record(plan.lifeline, static_cast<int>(pid), static_cast<int>(pidfd));
  if (sent < 0) fail(plan, sent);
}

void move_away(ChildPlan& plan, int& descriptor) {
  begin(plan, SpawnStep::moved_descriptors);
  const long moved =
      raw_syscall(SYS_fcntl, descriptor, F_DUPFD_CLOEXEC, static_cast<long>(plan.descriptor_count));
  if (moved < 0) fail(plan, moved);
  descriptor = static_cast<int>(moved);
}

// First all sources out of the way, beyond the targets, then each to its place: so no order of
// numbers, and no host that runs with 0 to 2 closed, makes one overwrite another.
void place_descriptors(ChildPlan& plan) {
  for (std::size_t i = 0; i < plan.descriptor_count; ++i) move_away(plan, plan.descriptors[i]);
  if (plan.program_descriptor >= 0) move_away(plan, plan.program_descriptor);
  for (std::size_t i = 0; i < plan.descriptor_count; ++i) {
    begin(plan, SpawnStep::placed_descriptors);
    const long placed = raw_syscall(SYS_dup3, plan.descriptors[i], static_cast<long>(i), 0);
    if (placed < 0) fail(plan, placed);
  }
  begin(plan, SpawnStep::marked_close_on_exec);
  const long marked = raw_syscall(SYS_close_range, static_cast<long>(plan.descriptor_count),
                                  static_cast<long>(~0U), CLOSE_RANGE_CLOEXEC);
  if (marked < 0) fail(plan, marked);
}

// Dispositions first, mask after: a signal that came meanwhile must meet the default, not the
// host's handler. CLONE_CLEAR_SIGHAND would reset handlers, but not what the host ignores (SIGPIPE,
// SIGCHLD), which exec would hand on to the program.
void reset_signals(ChildPlan& plan) {
  begin(plan, SpawnStep::reset_signals);
  if (plan.is_warden) return;  // its signals are blocked, and so never take effect
  const std::array<long, 8> kernel_default_action{};  // SIG_DFL is 0 on every architecture
  for (int signal = 1; signal <= signals_max; ++signal) {
    if (signal == SIGKILL || signal == SIGSTOP) continue;
    const long result = raw_syscall(SYS_rt_sigaction, signal, kernel_default_action.data(), nullptr,
                                    kernel_sigset_bytes);
    if (result < 0) fail(plan, result);
  }
  const std::array<long, 2> no_signals{};
  const long result =
      raw_syscall(SYS_rt_sigprocmask, SIG_SETMASK, no_signals.data(), nullptr, kernel_sigset_bytes);
  if (result < 0) fail(plan, result);
}

}  // namespace

int run_child(void* shared) noexcept {
  ChildPlan& plan = *static_cast<ChildPlan*>(shared);
  leave_group(plan);
  register_with_warden(plan);
  place_descriptors(plan);
  if (plan.directory != nullptr) {
    begin(plan, SpawnStep::changed_directory);
    const long changed = raw_syscall(SYS_chdir, plan.directory);
    if (changed < 0) fail(plan, changed);
  }
  rusage usage{};
  (void)raw_syscall(SYS_getrusage, RUSAGE_SELF, &usage);
  plan.inherited_peak_rss_kib = usage.ru_maxrss;
  reset_signals(plan);
  begin(plan, SpawnStep::executed);
  const long failed = plan.program != nullptr
                          ? raw_syscall(SYS_execve, plan.program, plan.arguments, plan.environment)
                          : raw_syscall(SYS_execveat, plan.program_descriptor, "", plan.arguments,
                                        plan.environment, AT_EMPTY_PATH);
  fail(plan, failed);
}

}  // namespace ordeal::pool::process
