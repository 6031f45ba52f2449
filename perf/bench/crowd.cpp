#include "perf/bench/crowd.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>

namespace ordeal::perf {
namespace {

[[noreturn]] void compute_for_ever(pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(0);
  for (std::atomic<std::uint64_t> turns{0};;) turns.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

Crowd::Crowd(std::uint32_t size) {
  const pid_t parent = getpid();
  for (std::uint32_t i = 0; i < size; ++i) {
    const pid_t member = fork();
    if (member == 0) compute_for_ever(parent);
    if (member > 0) members_.push_back(member);
  }
}

Crowd::~Crowd() {
  for (const pid_t member : members_) {
    kill(member, SIGKILL);
    waitpid(member, nullptr, 0);
  }
}

}  // namespace ordeal::perf
