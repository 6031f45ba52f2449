#include "pool/process/worker_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <string_view>
#include <thread>

#include "pool/process/group_signal.hpp"
#include "pool/process/raw_syscall.hpp"
#include "pool/runtime/clock.hpp"

namespace ordeal::pool::process {
namespace {

using std::chrono::milliseconds;

// How soon a tracer that looks has seen the end of its tracee, and lets the parent see it.
constexpr milliseconds tracer_patience{100};

[[nodiscard]] SignalOutcome outcome_of(long result) {
  if (result == 0) return SignalOutcome::sent;
  return result == -ESRCH ? SignalOutcome::nobody : SignalOutcome::refused;
}

// Waits until the process behind `pidfd` is dead, at most `wait_max`.
[[nodiscard]] bool dies_within(int pidfd, milliseconds wait_max) {
  pollfd waited{pidfd, POLLIN, 0};
  const core::Instant deadline = core::after(runtime::now(), wait_max);
  return runtime::poll_until({&waited, 1}, deadline) > 0 && (waited.revents & POLLIN) != 0;
}

// "VmRSS:     1234 kB" in /proc/<pid>/status.
[[nodiscard]] std::int64_t field_kib(std::string_view text, std::string_view name) {
  const std::size_t at = text.find(name);
  if (at == std::string_view::npos) return -1;
  text.remove_prefix(at + name.size());
  const std::size_t digits = text.find_first_of("0123456789");
  if (digits == std::string_view::npos) return -1;
  std::int64_t value = -1;
  std::from_chars(text.data() + digits, text.data() + text.size(), value);
  return value;
}

}  // namespace

WorkerProcess::WorkerProcess(int pid, FileDescriptor pidfd, WorkerPipes pipes,
                             std::int64_t inherited_peak_rss_kib)
    : pid_(pid),
      host_pid_(::getpid()),
      pidfd_(std::move(pidfd)),
      pipes_(std::move(pipes)),
      inherited_peak_rss_kib_(inherited_peak_rss_kib) {}

WorkerProcess::WorkerProcess(WorkerProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      host_pid_(other.host_pid_),
      pidfd_(std::move(other.pidfd_)),
      pipes_(std::move(other.pipes_)),
      inherited_peak_rss_kib_(other.inherited_peak_rss_kib_),
      sampled_peak_rss_kib_(other.sampled_peak_rss_kib_),
      status_(std::exchange(other.status_, std::nullopt)),
      held_by_tracer_since_(std::exchange(other.held_by_tracer_since_, std::nullopt)) {}

WorkerProcess& WorkerProcess::operator=(WorkerProcess&& other) noexcept {
  if (this == &other) return *this;
  end();
  pid_ = std::exchange(other.pid_, -1);
  host_pid_ = other.host_pid_;
  pidfd_ = std::move(other.pidfd_);
  pipes_ = std::move(other.pipes_);
  inherited_peak_rss_kib_ = other.inherited_peak_rss_kib_;
  sampled_peak_rss_kib_ = other.sampled_peak_rss_kib_;
  status_ = std::exchange(other.status_, std::nullopt);
  held_by_tracer_since_ = std::exchange(other.held_by_tracer_since_, std::nullopt);
  return *this;
}

WorkerProcess::~WorkerProcess() { end(); }

void WorkerProcess::end() noexcept {
  if (!pidfd_ || in_forked_child()) return;
  if (status_ && held_by_tracer_since_) reap_what_a_tracer_held();
  if (status_) return;
  (void)signal_group(SIGKILL);
  (void)reap_within(destructor_wait_max);
}

// The tracer may have let go of it since; else it stays a zombie for as long as it does not.
void WorkerProcess::reap_what_a_tracer_held() const {
  (void)raw_syscall(SYS_waitid, P_PIDFD, pidfd_.get(), nullptr, WEXITED | WNOHANG | __WALL,
                    nullptr);
}

// By getpid and not by a ForkGuard: a page for each worker would be dear, and none of this is hot.
bool WorkerProcess::in_forked_child() const { return ::getpid() != host_pid_; }

SignalOutcome WorkerProcess::signal_group(int signal) {
  if (!pidfd_ || status_) return SignalOutcome::nobody;
  if (in_forked_child()) return SignalOutcome::refused;
  return outcome_of(signal_group_exactly(pid_, pidfd_.get(), signal));
}

SignalOutcome WorkerProcess::signal_leader(int signal) {
  if (!pidfd_ || status_) return SignalOutcome::nobody;
  if (in_forked_child()) return SignalOutcome::refused;
  return outcome_of(raw_syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0));
}

SignalOutcome WorkerProcess::kill_group_remains() { return signal_group(SIGKILL); }

std::optional<ExitStatus> WorkerProcess::try_reap() {
  if (status_ || !pidfd_) return status_;
  if (in_forked_child() || !dies_within(pidfd_.get(), milliseconds{0})) return std::nullopt;
  // Dead and, if nobody else was faster, not reaped: the group's number is still ours.
  (void)kill_group_remains();

  siginfo_t info{};
  rusage usage{};
  // The system call itself: the C library's waitid has no rusage, and its wait4 goes by pid.
  // __WALL: a template's workers may have been cloned without an exit signal.
  const long result =
      raw_syscall(SYS_waitid, P_PIDFD, pidfd_.get(), &info, WEXITED | WNOHANG | __WALL, &usage);
  // Dead, and not ours to reap yet: its tracer is told first. One that looks does so at once; for
  // one that does not (a debugger at its prompt) nobody waits.
  if (result == 0 && info.si_pid == 0) {
    const core::Instant now = runtime::now();
    if (!held_by_tracer_since_) held_by_tracer_since_ = now;
    if (now < core::after(*held_by_tracer_since_, tracer_patience)) return std::nullopt;
  } else {
    held_by_tracer_since_.reset();
  }
  ExitStatus status;
  if (result == 0 && !held_by_tracer_since_) {
    status.known = true;
    (info.si_code == CLD_EXITED ? status.exit_code : status.signal) = info.si_status;
    status.core_dumped = info.si_code == CLD_DUMPED;
  }
  status.peak_rss_kib = peak_rss_kib(status.known ? usage.ru_maxrss : -1);
  status_ = status;
  return status_;
}

std::int64_t WorkerProcess::peak_rss_kib(std::int64_t reported) const {
  return reported > inherited_peak_rss_kib_ ? reported : sampled_peak_rss_kib_;
}

std::optional<ExitStatus> WorkerProcess::reap_within(milliseconds wait_max) {
  if (!status_ && pidfd_) (void)dies_within(pidfd_.get(), wait_max);
  std::optional<ExitStatus> status = try_reap();
  while (!status && held_by_tracer_since_) {  // of that no event tells
    std::this_thread::yield();
    status = try_reap();
  }
  return status;
}

std::optional<MemorySample> WorkerProcess::sample_memory() {
  if (!pidfd_ || status_) return std::nullopt;
  const FileDescriptor file(
      ::open(fmt::format("/proc/{}/status", pid_).c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 4096> text{};
  const ssize_t got = file ? ::read(file.get(), text.data(), text.size()) : -1;
  // Read first, checked after: if it lives now, what was read was its own and not a successor's.
  if (got <= 0 || dies_within(pidfd_.get(), milliseconds{0})) return std::nullopt;
  const std::string_view view(text.data(), static_cast<std::size_t>(got));
  const MemorySample sample{field_kib(view, "VmRSS:"), field_kib(view, "VmHWM:")};
  if (sample.rss_kib < 0) return std::nullopt;
  sampled_peak_rss_kib_ = std::max(sampled_peak_rss_kib_, sample.peak_rss_kib);
  return sample;
}

}  // namespace ordeal::pool::process
