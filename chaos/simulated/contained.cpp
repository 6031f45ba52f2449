#include "chaos/simulated/contained.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "chaos/simulated/simulated.hpp"
#include "pool/process/file_descriptor.hpp"

namespace ordeal::chaos {
namespace {

// Of processor time; a schedule takes a few milliseconds.
constexpr std::uint64_t seconds_max = 2;

[[noreturn]] void tell_parent(const std::function<std::string()>& tell, int to_parent,
                              std::optional<rlim_t> cpu_max) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (cpu_max) {
    const rlimit limit{*cpu_max, *cpu_max + 1};
    (void)setrlimit(RLIMIT_CPU, &limit);
  }
  const rlimit no_core{0, 0};
  (void)setrlimit(RLIMIT_CORE, &no_core);
  (void)!freopen("/dev/null", "w", stderr);  // an assertion's words are in the exit status
  const std::string error = tell();
  const char* rest = error.data();
  std::size_t left = error.size();
  while (left > 0) {
    const ssize_t written = write(to_parent, rest, left);
    if (written <= 0) break;
    rest += written;
    left -= static_cast<std::size_t>(written);
  }
  _exit(left == 0 ? 0 : 1);
}

std::string read_all(int from_child) {
  std::string text;
  char piece[4096];
  while (true) {
    const ssize_t got = read(from_child, piece, sizeof(piece));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(piece, static_cast<std::size_t>(got));
  }
}

}  // namespace

std::string tell_from_child(const std::function<std::string()>& tell,
                            std::optional<std::uint64_t> cpu_max) {
  int pipe_ends[2];
  if (pipe2(pipe_ends, O_CLOEXEC) != 0) return tell();
  pool::process::FileDescriptor from_child{pipe_ends[0]};
  pool::process::FileDescriptor to_parent{pipe_ends[1]};
  const pid_t child = fork();
  if (child < 0) return tell();
  if (child == 0) tell_parent(tell, to_parent.get(), cpu_max);
  to_parent = {};
  std::string error = read_all(from_child.get());
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFSIGNALED(status)) return error;
  if (WTERMSIG(status) == SIGXCPU) return "the pool does not come to an end";
  return fmt::format("the pool crashed ({})", sigabbrev_np(WTERMSIG(status)));
}

std::string what_breaks(const Plan& plan) {
  return tell_from_child([&plan] { return simulate(plan).report.error; }, seconds_max);
}

}  // namespace ordeal::chaos
