#include "chaos/tools/contain.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace ordeal::chaos {
namespace {

std::atomic<bool> asked{false};
std::atomic<pid_t> contained{0};

void pass_on(int) {
  const pid_t run = contained.load();
  if (run > 0) kill(run, SIGTERM);
}

void note_request(int) { asked.store(true); }

void handle(void (*handler)(int), int flags) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

[[noreturn]] void run_here(const std::function<int()>& run, pid_t parent) {
  // A terminal's SIGINT goes to both, and again by way of the parent: that is one request.
  setpgid(0, 0);
  handle(note_request, static_cast<int>(SA_RESETHAND));
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(EXIT_FAILURE);
  std::exit(run());
}

}  // namespace

bool asked_to_end() { return asked.load(); }

Contained run_contained(const std::function<int()>& run) {
  std::fflush(nullptr);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) return {run(), 0};
  if (child == 0) run_here(run, parent);
  contained.store(child);
  handle(pass_on, SA_RESTART);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  handle(SIG_DFL, 0);
  contained.store(0);
  if (WIFSIGNALED(status)) return {0, WTERMSIG(status)};
  return {WEXITSTATUS(status), 0};
}

}  // namespace ordeal::chaos
