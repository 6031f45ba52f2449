#include "pool/process/launch.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "pool/process/lifeline.hpp"
#include "pool/process/raw_clone.hpp"
#include "pool/process/raw_syscall.hpp"

namespace ordeal::pool::process {
namespace {

// The child's frames need less than 2 KiB; the rest is for the hooks of tests.
constexpr std::size_t stack_bytes = 64 * 1024;

// A stack with a page below it that traps.
class Stack {
 public:
  Stack() : guard_bytes_(static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))) {
    void* mapped = ::mmap(nullptr, guard_bytes_ + stack_bytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) return;
    base_ = static_cast<std::byte*>(mapped);
    (void)::mprotect(base_, guard_bytes_, PROT_NONE);
  }
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;
  ~Stack() {
    if (base_ != nullptr) (void)::munmap(base_, guard_bytes_ + stack_bytes);
  }
  [[nodiscard]] bool is_mapped() const { return base_ != nullptr; }
  // Stacks grow downwards wherever raw_syscall.hpp compiles.
  [[nodiscard]] void* top() const { return base_ + guard_bytes_ + stack_bytes; }

 private:
  std::size_t guard_bytes_;
  std::byte* base_ = nullptr;
};

// All 64, the C library's own two among them, which pthread_sigmask would spare: no handler of the
// host may run in the child, which has the host's memory.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() {
    const std::array<long, 2> all{-1L, -1L};
    (void)raw_syscall(SYS_rt_sigprocmask, SIG_SETMASK, all.data(), before_.data(), 8L);
  }
  AllSignalsBlocked(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;
  ~AllSignalsBlocked() {
    (void)raw_syscall(SYS_rt_sigprocmask, SIG_SETMASK, before_.data(), nullptr, 8L);
  }

 private:
  std::array<long, 2> before_{};
};

// Reaps a child that never came to exec. It has exited or is being killed, so this ends.
// Returns the signal that ended it, 0 if it exited.
[[nodiscard]] int reap_failed_child(int pidfd) {
  siginfo_t info{};
  long result = 0;
  do {
    result = raw_syscall(SYS_waitid, P_PIDFD, pidfd, &info, WEXITED | __WALL, nullptr);
  } while (result == -EINTR);
  const bool killed = result == 0 && (info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED);
  return killed ? info.si_status : 0;
}

[[nodiscard]] long own_peak_rss_kib() {
  rusage usage{};
  (void)::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

// The kernel counts resident pages (of files, anonymous, shared) for each processor and adds them
// up now and then, so that two readings of an unchanged size differ by as much as a batch each.
[[nodiscard]] long rss_counter_error_kib() {
  const long processors = ::sysconf(_SC_NPROCESSORS_CONF);
  const long batch_pages = std::max(32L, 2 * processors);
  return 3 * batch_pages * processors * (::sysconf(_SC_PAGESIZE) / 1024);
}

}  // namespace

Result<Launched> launch(ChildPlan& plan, std::string_view subject) {
  const Stack stack;
  int failed = ask(plan.hook, SpawnStep::mapped_stack);
  if (failed == 0 && !stack.is_mapped()) failed = ENOMEM;
  if (failed != 0) return tl::unexpected(spawn_error(subject, SpawnStep::mapped_stack, failed));

  const long peak_before_kib = own_peak_rss_kib();
  const AllSignalsBlocked all_signals_blocked;
  failed = ask(plan.hook, SpawnStep::cloned);
  int pidfd = -1;
  int pid = -1;
  if (failed == 0) {
    const long cloned =
        raw_clone(CLONE_VM | CLONE_VFORK | CLONE_PIDFD, stack.top(), &pidfd, run_child, &plan);
    pid = static_cast<int>(cloned);
    if (cloned < 0) failed = static_cast<int>(-cloned);
  }
  if (failed != 0) return tl::unexpected(spawn_error(subject, SpawnStep::cloned, failed));

  Launched launched{pid, FileDescriptor(pidfd)};
  if (plan.error == 0 && plan.step == SpawnStep::executed) {
    // The host's other threads went on, and may have grown between the child's look and its exec.
    const long peak_after_kib = own_peak_rss_kib();
    if (peak_after_kib > peak_before_kib) {
      plan.inherited_peak_rss_kib = std::max(plan.inherited_peak_rss_kib, peak_after_kib);
    }
    plan.inherited_peak_rss_kib += rss_counter_error_kib();
    return launched;
  }
  const bool may_be_registered = plan.lifeline >= 0 && plan.step >= SpawnStep::registered &&
                                 !(plan.step == SpawnStep::registered && plan.error != 0);
  if (may_be_registered) (void)send_lifeline_record(plan.lifeline, -pid, -1);
  const int killed_by = reap_failed_child(pidfd);
  if (plan.error == 0) {
    return tl::unexpected(make_error(
        ErrorCode::spawn_failed, fmt::format("{} was killed by {} before execve, at {}", subject,
                                             sigabbrev_np(killed_by) != nullptr
                                                 ? fmt::format("SIG{}", sigabbrev_np(killed_by))
                                                 : fmt::format("signal {}", killed_by),
                                             to_string(plan.step))));
  }
  return tl::unexpected(spawn_error(subject, plan.step, plan.error));
}

}  // namespace ordeal::pool::process
