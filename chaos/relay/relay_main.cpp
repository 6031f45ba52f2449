// ordeal-relay: stands between a pool and a worker, and does to their frames what it is told.
//
//   ordeal-relay --control FOLDER -- COMMAND...   the pool starts this as its worker's command
//   ordeal-relay --stall PID MS                   stops that process for a time, then goes
//   ordeal-relay --stall-thread TID MS            stops that thread alone, by ptrace
//   ordeal-relay --session-host STORE SESSION     a host that counts up in a session, and writes a
//                                                 byte for each update that was acknowledged
//
// See control.hpp for how it is told, relay.hpp for what it does.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "chaos/relay/relay.hpp"
#include "ordeal/pool/pool.hpp"
#include "ordeal/pool/session.hpp"
#include "pool/runtime/clock.hpp"

namespace {

using namespace ordeal;
using namespace ordeal::chaos;
namespace runtime = pool::runtime;

constexpr int exit_usage = 2;

[[noreturn]] void hang() {
  while (true) pause();
}

// What the starts to come have been told, if it is this one's turn.
void perform_start(const std::string& folder) {
  const auto starts = map_starts(folder, false);
  if (!starts || starts->mode.load() == 0) return;
  if (starts->left.fetch_sub(1) <= 0) {
    starts->mode.store(0);
    return;
  }
  const auto mode = static_cast<StartMode>(starts->mode.load());
  starts->touched.fetch_add(1);
  switch (mode) {
    case StartMode::fail:
      fmt::print(stderr, "this start fails: chaos\n");
      std::_Exit(static_cast<int>(starts->a.load()));
    case StartMode::hang:
      hang();
    case StartMode::slow:
      runtime::poll_until(
          {}, pool::core::after(runtime::now(), std::chrono::milliseconds{starts->a.load()}));
      return;
    case StartMode::garbage:
      (void)!write(1, "\x00\x00\x00\x05noise", 9);
      hang();
    case StartMode::none:
      return;
  }
}

// A SIGTERM to the relay alone is meant for the worker; one that ignores it must not lose its
// relay.
int worker_pid = 0;
void pass_signal(int number) { kill(worker_pid, number); }

// Ends as the worker did.
[[noreturn]] void end_like(int status) {
  if (WIFSIGNALED(status)) {
    prctl(PR_SET_DUMPABLE, 0);
    signal(WTERMSIG(status), SIG_DFL);
    raise(WTERMSIG(status));
  }
  std::_Exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

int relay(const std::string& folder, char** command) {
  perform_start(folder);
  int requests[2];
  int replies[2];
  if (pipe2(requests, O_CLOEXEC) != 0 || pipe2(replies, O_CLOEXEC) != 0) return 1;
  const pid_t worker = fork();
  if (worker < 0) return 1;
  if (worker == 0) {
    dup2(requests[0], 0);
    dup2(replies[1], 1);
    execvp(command[0], command);
    fmt::print(stderr, "ordeal-relay: {}: cannot execute\n", command[0]);
    std::_Exit(127);
  }
  close(requests[0]);
  close(replies[1]);
  worker_pid = worker;
  signal(SIGPIPE, SIG_IGN);
  signal(SIGTERM, pass_signal);
  end_like(Relay{folder, worker, requests[1], replies[0]}.run());
}

// The stopped process cannot wake itself. Twice forked, so that it is nobody's child to be reaped.
int stall(int pid, int milliseconds) {
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (pidfd < 0) return 1;
  if (fork() != 0) return 0;
  setsid();
  const auto tell = [pidfd](int number) {
    return syscall(SYS_pidfd_send_signal, pidfd, number, nullptr, 0) == 0;
  };
  if (!tell(SIGSTOP)) return 1;
  runtime::poll_until({},
                      pool::core::after(runtime::now(), std::chrono::milliseconds{milliseconds}));
  tell(SIGCONT);
  return 0;
}

// A tracer that ends, however it ends, lets its tracee go.
int stall_thread(int thread, int milliseconds) {
  if (fork() != 0) return 0;
  setsid();
  if (ptrace(PTRACE_SEIZE, thread, nullptr, nullptr) != 0) return 1;
  if (ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr) != 0) return 1;
  if (waitpid(thread, nullptr, __WALL) != thread) return 1;
  runtime::poll_until({},
                      pool::core::after(runtime::now(), std::chrono::milliseconds{milliseconds}));
  ptrace(PTRACE_DETACH, thread, nullptr, nullptr);
  return 0;
}

// Ends by a SIGKILL, or with whoever started it.
int be_session_host(const std::string& store, const std::string& session) {
  const pid_t parent = getppid();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) return 1;
  pool::Options options;
  options.command = {"sleep", "3600"};  // nobody calls it
  options.size = 1;
  options.await_ready = pool::AwaitReady::none;
  options.start_timeout = std::chrono::hours{1};
  options.session_store = "sqlite:" + store;
  auto started = pool::Pool::start(options);
  if (!started) return 1;
  while (true) {
    const auto updated = started->session(session).update(
        [](nlohmann::json& data) { data["count"] = data.value("count", std::uint64_t{0}) + 1; });
    if (updated && write(STDOUT_FILENO, "+", 1) != 1) return 1;
    runtime::poll_until({}, pool::core::after(runtime::now(), std::chrono::milliseconds{2}));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string_view> arguments{argv + 1, argv + argc};
  if (arguments.size() == 3 && arguments[0] == "--stall") {
    return stall(std::atoi(argv[2]), std::atoi(argv[3]));
  }
  if (arguments.size() == 3 && arguments[0] == "--stall-thread") {
    return stall_thread(std::atoi(argv[2]), std::atoi(argv[3]));
  }
  if (arguments.size() == 3 && arguments[0] == "--session-host") {
    return be_session_host(argv[2], argv[3]);
  }
  if (arguments.size() >= 4 && arguments[0] == "--control" && arguments[2] == "--") {
    return relay(std::string{arguments[1]}, argv + 4);
  }
  fmt::print(stderr,
             "usage: ordeal-relay --control FOLDER -- COMMAND... | --stall PID MS | "
             "--stall-thread TID MS | --session-host STORE SESSION\n");
  return exit_usage;
}
