#include "testing/isolation/own_process.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>

#include "pool/process/file_descriptor.hpp"
#include "pool/runtime/clock.hpp"
#include "testing/isolation/own_names.hpp"
#include "testing/timeouts/timeouts.hpp"

namespace ordeal::trial {
namespace {

constexpr int all_was_well = 0;
constexpr int not_well = 1;

[[noreturn]] void run_inside(const std::function<bool()>& body, const std::string& folder) {
  ::setpgid(0, 0);
  ::setenv("TMPDIR", folder.c_str(), 1);
  int code = not_well;
  try {
    code = ::chdir(folder.c_str()) == 0 && body() ? all_was_well : not_well;
  } catch (const std::exception& thrown) {
    std::fprintf(stderr, "it threw: %s\n", thrown.what());
  }
  std::fflush(nullptr);
  ::_exit(code);
}

}  // namespace

OwnProcessEnd run_in_own_process(const std::function<bool()>& body,
                                 std::chrono::milliseconds patience) {
  OwnNames own;
  const std::string& folder = own.folder();
  std::fflush(nullptr);  // or both would write it
  const pid_t child = ::fork();
  if (child < 0) return {.passed = false, .how = std::strerror(errno)};
  if (child == 0) run_inside(body, folder);
  ::setpgid(child, child);  // whoever of the two comes first
  const pool::process::FileDescriptor end{static_cast<int>(::syscall(SYS_pidfd_open, child, 0U))};
  pollfd ended{end.get(), POLLIN, 0};
  const auto deadline = pool::core::after(pool::runtime::now(), patience);
  declare_deadline(deadline);
  const bool in_time = pool::runtime::poll_until({&ended, 1}, deadline) > 0;
  ::kill(-child, SIGKILL);  // it is not reaped yet, so its group is still its own
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!in_time) return {.passed = false, .how = "it did not end in time"};
  if (WIFSIGNALED(status)) {
    return {.passed = false,
            .how = fmt::format("it ended by signal {} ({})", WTERMSIG(status),
                               ::strsignal(WTERMSIG(status)))};
  }
  if (WEXITSTATUS(status) == all_was_well) return {.passed = true, .how = {}};
  return {.passed = false, .how = fmt::format("it failed (exit code {})", WEXITSTATUS(status))};
}

}  // namespace ordeal::trial
