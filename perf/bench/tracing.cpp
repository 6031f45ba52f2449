#include "perf/bench/tracing.hpp"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

namespace ordeal::perf {
namespace {

pool::Error trouble(std::string_view what) {
  return pool::make_error(pool::ErrorCode::spawn_failed,
                          std::string{what} + ": " + std::strerror(errno));
}

// The request constants are an enum of glibc's in C++, and macros of the kernel's here.
template <typename Request>
long trace(Request request, pid_t pid, std::uintptr_t address, std::uintptr_t data) {
  return syscall(SYS_ptrace, request, pid, address, data);
}

class Tracer {
 public:
  Tracer(pid_t pid, const std::vector<Watch>& watches) : pid_(pid), watches_(watches) {}

  // Until the child has exited; its wait status.
  int run() {
    int status = 0;
    while (waitpid(pid_, &status, __WALL) == pid_ && WIFSTOPPED(status)) {
      const int signal = WSTOPSIG(status);
      const bool is_event = status >> 16 != 0;
      std::uintptr_t delivered = 0;
      if (signal == (SIGTRAP | 0x80)) {
        note_system_call();
      } else if (signal == SIGSTOP) {
        next_mark();
      } else if (signal == SIGTRAP) {
        if (!is_event && inside()) note_instruction();
      } else {
        delivered = static_cast<std::uintptr_t>(signal);
      }
      trace(resume_request(), pid_, 0, delivered);
    }
    return status;
  }
  [[nodiscard]] std::vector<Section> take_sections() { return std::move(sections_); }

 private:
  [[nodiscard]] bool inside() const { return marks_ % 2 == 1; }
  void next_mark() {
    ++marks_;
    if (inside()) sections_.emplace_back();
  }
  [[nodiscard]] long resume_request() const {
    if (!inside() || sections_.size() > watches_.size()) return PTRACE_CONT;
    return watches_[sections_.size() - 1] == Watch::system_calls ? PTRACE_SYSCALL
                                                                 : PTRACE_SINGLESTEP;
  }
  void note_system_call() {
    __ptrace_syscall_info info{};
    if (trace(PTRACE_GET_SYSCALL_INFO, pid_, sizeof info,
              reinterpret_cast<std::uintptr_t>(&info)) <= 0) {
      return;
    }
    if (info.op != PTRACE_SYSCALL_INFO_ENTRY) return;
    Section& section = sections_.back();
    ++section.count;
    ++section.system_calls[static_cast<long>(info.entry.nr)];
  }
  void note_instruction() {
    __ptrace_syscall_info info{};
    Section& section = sections_.back();
    ++section.count;
    if (trace(PTRACE_GET_SYSCALL_INFO, pid_, sizeof info, reinterpret_cast<std::uintptr_t>(&info)) >
        0) {
      ++section.addresses[info.instruction_pointer];
    }
  }

  pid_t pid_;
  const std::vector<Watch>& watches_;
  std::size_t marks_ = 0;
  std::vector<Section> sections_;
};

constexpr std::pair<long, std::string_view> known_calls[] = {
    {SYS_read, "read"},
    {SYS_write, "write"},
    {SYS_epoll_pwait, "epoll_wait"},
#ifdef SYS_epoll_wait
    {SYS_epoll_wait, "epoll_wait"},
#endif
    {SYS_ppoll, "ppoll"},
    {SYS_futex, "futex"},
    {SYS_sched_yield, "sched_yield"},
    {SYS_sched_getaffinity, "sched_getaffinity"},
    {SYS_timerfd_settime, "timerfd_settime"},
    {SYS_clock_gettime, "clock_gettime"},
    {SYS_clock_nanosleep, "clock_nanosleep"},
    {SYS_mmap, "mmap"},
    {SYS_munmap, "munmap"},
    {SYS_brk, "brk"},
};

}  // namespace

void mark() { raise(SIGSTOP); }

std::string name_of_system_call(long number) {
  for (const auto& [known, name] : known_calls) {
    if (known == number) return std::string{name};
  }
  return "system call " + std::to_string(number);
}

pool::Result<std::vector<Section>> trace_fork(const std::vector<Watch>& watches,
                                              const std::function<int()>& body) {
  std::array<int, 2> go{};
  if (pipe(go.data()) != 0) return tl::unexpected(trouble("no pipe"));
  const pid_t child = fork();
  if (child < 0) return tl::unexpected(trouble("no fork"));
  if (child == 0) {
    close(go[1]);
    char traced = 0;
    const bool is_traced = ::read(go[0], &traced, 1) == 1;
    close(go[0]);
    _exit(is_traced ? body() : 1);
  }
  close(go[0]);
  const long seized = trace(PTRACE_SEIZE, child, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  const auto refused = trouble("this machine does not permit tracing");
  const bool told = seized == 0 && ::write(go[1], "t", 1) == 1;
  close(go[1]);  // the child goes on, or sees that it is not wanted
  Tracer tracer{child, watches};
  const int status = tracer.run();
  if (!told) return tl::unexpected(refused);
  std::vector<Section> sections = tracer.take_sections();
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || sections.size() != watches.size()) {
    return tl::unexpected(pool::make_error(pool::ErrorCode::spawn_failed,
                                           "the traced program did not come to its end"));
  }
  return sections;
}

}  // namespace ordeal::perf
