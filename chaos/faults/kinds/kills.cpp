// Ends of processes by signal: workers, spares, the fork template, the warden. Proof: the pidfd,
// opened before the signal, says that the process is gone.
#include <fmt/format.h>
#include <sys/resource.h>

#include <csignal>

#include "chaos/faults/registry.hpp"

namespace ordeal::chaos {
namespace {

std::optional<std::string> prove_death(Strike& strike, Site&) {
  if (!strike.process.is_dead()) return {};
  const auto stat = strike.process.stat();
  return fmt::format("pidfd of {} readable; /proc says {}", strike.process.pid(),
                     stat ? fmt::format("state {}", stat->state) : "no such process");
}

auto by_signal(int signal) {
  return [signal](Strike& strike, Site&) -> Attempt<void> {
    const std::string failed = strike.process.send(signal);
    if (!failed.empty()) return tl::unexpected(failed);
    return {};
  };
}

FaultKind kill_kind(std::string_view name, Aim aim, int signal, std::string_view summary,
                    std::string_view expected) {
  FaultKind kind{.name = name,
                 .summary = summary,
                 .proof = "the target's pidfd is readable",
                 .expected = expected,
                 .aim = aim,
                 .kills = true,
                 .undoes = false};
  kind.in_simulation = aim == Aim::worker;
  kind.inject = by_signal(signal);
  kind.prove = prove_death;
  return kind;
}

constexpr std::string_view worker_replaced =
    "the caller whose request it held is told; the worker is replaced, the others go on";

// No core file: the target's limit is taken away first.
Attempt<void> crash(Strike& strike, Site&) {
  const rlimit none{0, 0};
  (void)prlimit(strike.process.pid(), RLIMIT_CORE, &none, nullptr);
  const std::string failed = strike.process.send(static_cast<int>(strike.value("signal")));
  if (!failed.empty()) return tl::unexpected(failed);
  return {};
}

}  // namespace

void add_kills(std::vector<FaultKind>& kinds) {
  kinds.push_back(kill_kind("kill_worker", Aim::worker, SIGKILL,
                            "SIGKILL to a worker, busy or idle", worker_replaced));
  kinds.push_back(kill_kind("terminate_worker", Aim::worker, SIGTERM,
                            "SIGTERM to a worker, as an operator might", worker_replaced));
  FaultKind crash_kind = kill_kind("crash_worker", Aim::worker, SIGSEGV,
                                   "a crash by signal, as by a bug in C code", worker_replaced);
  crash_kind.options = {{"signal", 4, 31, SIGSEGV, "its number: 11 SEGV, 6 ABRT, 7 BUS, 4 ILL"}};
  crash_kind.inject = crash;
  kinds.push_back(std::move(crash_kind));
  kinds.push_back(kill_kind("kill_template", Aim::fork_template, SIGKILL,
                            "SIGKILL to the warm template that workers are forked from",
                            "its workers live on; another template is made; starts go on"));
  kinds.push_back(kill_kind("kill_spare", Aim::spare, SIGKILL,
                            "SIGKILL to a warm spare: forked, idle, not yet a worker",
                            "another is forked; no caller notices"));
  kinds.push_back(kill_kind("kill_warden", Aim::warden, SIGKILL,
                            "SIGKILL to the warden, which ends workers if the host dies",
                            "another takes over all groups before the next worker starts"));
}

}  // namespace ordeal::chaos
