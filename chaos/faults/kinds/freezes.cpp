// Processes that stop and go on: frozen for a while, or flapping. Proof: /proc says state T, and
// the CPU time of two looks is the same.
#include <fmt/format.h>

#include <csignal>

#include "chaos/faults/registry.hpp"

namespace ordeal::chaos {
namespace {

using std::chrono::milliseconds;

bool is_stopped(const ProcStat& stat) { return stat.state == 'T'; }

Attempt<void> plan_continue(Strike& strike, Site&) {
  strike.record = strike.process.to_json();
  return {};
}

Attempt<void> stop(Strike& strike, Site&) {
  const std::string failed = strike.process.send(SIGSTOP);
  if (!failed.empty()) return tl::unexpected(failed);
  return {};
}

std::optional<std::string> prove_stopped(Strike& strike, Site&) {
  const auto stat = strike.process.stat();
  if (!stat || !is_stopped(*stat)) return {};
  if (!strike.memo.contains("cpu_ticks")) {
    strike.memo["cpu_ticks"] = stat->cpu_ticks;
    return {};  // a second look must find the same
  }
  if (strike.memo["cpu_ticks"] != stat->cpu_ticks) return {};
  return fmt::format("state T, {} ticks of CPU at both looks", stat->cpu_ticks);
}

Attempt<std::string> go_on(const json& record, std::shared_ptr<void>&) {
  const auto process = HeldProcess::find(record);
  if (!process) return std::string{gone};
  const std::string failed = process->send(SIGCONT);
  if (!failed.empty() && !process->is_dead()) return tl::unexpected(failed);
  return "SIGCONT sent";
}

bool goes_on(const json& record) {
  const auto process = HeldProcess::find(record);
  if (!process) return true;
  const auto stat = process->stat();
  return !stat || !is_stopped(*stat);
}

// Alternately stops and continues; each stop that was seen counts.
TimePoint flap(Strike& strike, Site&) {
  if (!strike.memo.contains("stopped")) return TimePoint::max();  // never begun
  const bool stopped = strike.memo["stopped"];
  if (stopped) {
    const auto stat = strike.process.stat();
    if (stat && is_stopped(*stat)) strike.memo["stops"] = strike.memo.value("stops", 0) + 1;
  }
  (void)strike.process.send(stopped ? SIGCONT : SIGSTOP);
  strike.memo["stopped"] = !stopped;
  return time_now() + milliseconds{strike.value(stopped ? "run_ms" : "stop_ms")};
}

std::optional<std::string> prove_flapping(Strike& strike, Site&) {
  const int stops = strike.memo.value("stops", 0);
  if (stops < 2) return {};
  return fmt::format("state T seen {} times", stops);
}

FaultKind freeze_kind(std::string_view name, Aim aim, std::string_view summary,
                      std::string_view expected) {
  FaultKind kind{.name = name,
                 .summary = summary,
                 .proof = "/proc says state T, and CPU time stands still",
                 .expected = expected,
                 .aim = aim};
  kind.in_simulation = aim == Aim::worker;
  kind.plan = plan_continue;
  kind.inject = stop;
  kind.prove = prove_stopped;
  kind.undo = go_on;
  kind.undone = goes_on;
  return kind;
}

}  // namespace

void add_freezes(std::vector<FaultKind>& kinds) {
  kinds.push_back(freeze_kind("freeze_worker", Aim::worker, "SIGSTOP to a worker, then SIGCONT",
                              "its call ends by its deadline; what it says later is discarded"));
  FaultKind flapping =
      freeze_kind("flap_worker", Aim::worker, "a worker that stops and goes on, again and again",
                  "latency, and at most one replacement; no storm of restarts");
  flapping.proof = "state T seen at two stops or more";
  flapping.options = {{"stop_ms", 1, 10'000, 20, "stopped for so long"},
                      {"run_ms", 1, 10'000, 20, "running in between"}};
  flapping.inject = [](Strike& strike, Site& site) {
    strike.memo["stopped"] = true;
    return stop(strike, site);
  };
  flapping.prove = prove_flapping;
  flapping.step = flap;
  kinds.push_back(std::move(flapping));
  kinds.push_back(freeze_kind("freeze_template", Aim::fork_template,
                              "SIGSTOP to the fork template, then SIGCONT",
                              "workers serve on; starts wait or go cold, and say so"));
  kinds.push_back(freeze_kind("freeze_warden", Aim::warden, "SIGSTOP to the warden, then SIGCONT",
                              "calls go on; the warden is whole again when it runs"));
}

}  // namespace ordeal::chaos
