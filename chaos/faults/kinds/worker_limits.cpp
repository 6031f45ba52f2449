// What a worker may use, taken away from outside: files, memory, CPUs, priority. Proof: the
// kernel's own account of the worker's limits, read back.
#include <fmt/format.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "chaos/faults/registry.hpp"

namespace ordeal::chaos {
namespace {

std::string error_text(std::string_view call) {
  return fmt::format("{}: {}", call, std::strerror(errno));
}

// --- limits by prlimit; the record keeps the soft limit that was -------------------------------

Attempt<rlimit> limit_of(int pid, int resource) {
  rlimit limit{};
  if (prlimit(pid, static_cast<__rlimit_resource>(resource), nullptr, &limit) == 0) return limit;
  return tl::unexpected(error_text("prlimit"));
}

Attempt<void> plan_limit(Strike& strike, int resource) {
  const auto limit = limit_of(strike.process.pid(), resource);
  if (!limit) return tl::unexpected(limit.error());
  strike.record = strike.process.to_json();
  strike.record["resource"] = resource;
  strike.record["soft"] = limit->rlim_cur;
  return {};
}

Attempt<void> set_soft(int pid, int resource, std::uint64_t soft) {
  auto limit = limit_of(pid, resource);
  if (!limit) return tl::unexpected(limit.error());
  limit->rlim_cur = std::min<rlim_t>(soft, limit->rlim_max);
  if (prlimit(pid, static_cast<__rlimit_resource>(resource), &*limit, nullptr) == 0) return {};
  return tl::unexpected(error_text("prlimit"));
}

std::optional<std::string> prove_limit(Strike& strike, std::string_view name) {
  const auto limit = limit_of(strike.process.pid(), strike.record["resource"].get<int>());
  const auto before = strike.record["soft"].get<std::uint64_t>();
  if (!limit || limit->rlim_cur == before) return {};
  return fmt::format("soft {} of {} is {}, was {}", name, strike.process.pid(), limit->rlim_cur,
                     before == RLIM_INFINITY ? std::string{"unlimited"} : std::to_string(before));
}

Attempt<std::string> told(const HeldProcess& process, const Attempt<void>& restored) {
  if (process.is_dead()) return std::string{gone};
  if (!restored) return tl::unexpected(restored.error());
  return "as it was before";
}

Attempt<std::string> restore_limit(const json& record, std::shared_ptr<void>&) {
  const auto process = HeldProcess::find(record);
  if (!process) return std::string{gone};
  return told(*process, set_soft(process->pid(), record["resource"].get<int>(),
                                 record["soft"].get<std::uint64_t>()));
}

bool limit_restored(const json& record) {
  const auto process = HeldProcess::find(record);
  if (!process) return true;
  const auto limit = limit_of(process->pid(), record["resource"].get<int>());
  return !limit || limit->rlim_cur == record["soft"].get<std::uint64_t>();
}

FaultKind limit_kind(std::string_view name, int resource, std::string_view resource_name,
                     std::string_view summary, OptionSpec option,
                     std::function<std::uint64_t(const Strike&)> wanted) {
  FaultKind kind{.name = name,
                 .summary = summary,
                 .proof = "the kernel reports the new soft limit of that process",
                 .expected = "at worst that worker's calls fail, and it is replaced",
                 .options = {option}};
  kind.plan = [resource](Strike& strike, Site&) { return plan_limit(strike, resource); };
  kind.inject = [resource, wanted](Strike& strike, Site&) {
    return set_soft(strike.process.pid(), resource, wanted(strike));
  };
  kind.prove = [resource_name](Strike& strike, Site&) {
    return prove_limit(strike, resource_name);
  };
  kind.undo = restore_limit;
  kind.undone = limit_restored;
  return kind;
}

// --- CPUs --------------------------------------------------------------------------------------

std::vector<int> cpus_of(int pid) {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (sched_getaffinity(pid, sizeof set, &set) != 0) return cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

Attempt<void> set_cpus(int pid, const std::vector<int>& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus) CPU_SET(cpu, &set);
  if (sched_setaffinity(pid, sizeof set, &set) == 0) return {};
  return tl::unexpected(error_text("sched_setaffinity"));
}

FaultKind pin_kind() {
  FaultKind kind{.name = "pin_worker",
                 .summary = "a worker may run on the first of its CPUs alone",
                 .proof = "sched_getaffinity reports one CPU",
                 .expected = "slower under load; no restart"};
  kind.permit = [](const Site&) {
    return cpus_of(0).size() > 1 ? Permit{} : refused_because("there is one CPU only");
  };
  kind.plan = [](Strike& strike, Site&) -> Attempt<void> {
    strike.record = strike.process.to_json();
    strike.record["cpus"] = cpus_of(strike.process.pid());
    return {};
  };
  kind.inject = [](Strike& strike, Site&) {
    return set_cpus(strike.process.pid(), {strike.record["cpus"].front().get<int>()});
  };
  kind.prove = [](Strike& strike, Site&) -> std::optional<std::string> {
    const auto cpus = cpus_of(strike.process.pid());
    if (cpus.size() != 1) return {};
    return fmt::format("runs on CPU {} only, had {}", cpus.front(), strike.record["cpus"].size());
  };
  kind.undo = [](const json& record, std::shared_ptr<void>&) -> Attempt<std::string> {
    const auto process = HeldProcess::find(record);
    if (!process) return std::string{gone};
    return told(*process, set_cpus(process->pid(), record["cpus"].get<std::vector<int>>()));
  };
  kind.undone = [](const json& record) {
    const auto process = HeldProcess::find(record);
    return !process || cpus_of(process->pid()) == record["cpus"].get<std::vector<int>>();
  };
  return kind;
}

// --- priority ----------------------------------------------------------------------------------

int nice_of(int pid) { return getpriority(PRIO_PROCESS, static_cast<id_t>(pid)); }

Attempt<void> set_nice(int pid, int nice) {
  if (setpriority(PRIO_PROCESS, static_cast<id_t>(pid), nice) == 0) return {};
  return tl::unexpected(error_text("setpriority"));
}

FaultKind nice_kind() {
  FaultKind kind{.name = "nice_worker",
                 .summary = "a worker of lower priority than all others",
                 .proof = "getpriority reports it",
                 .expected = "slower while the CPUs are busy; no restart",
                 .options = {{"nice", 1, 19, 19, "its nice value"}}};
  kind.permit = [](const Site&) {
    rlimit limit{};
    const bool may_return = geteuid() == 0 || (getrlimit(RLIMIT_NICE, &limit) == 0 &&
                                               limit.rlim_cur != 0 && 20 - limit.rlim_cur <= 0);
    return may_return ? Permit{} : refused_because("CAP_SYS_NICE is needed to undo it");
  };
  kind.plan = [](Strike& strike, Site&) -> Attempt<void> {
    strike.record = strike.process.to_json();
    strike.record["nice"] = nice_of(strike.process.pid());
    return {};
  };
  kind.inject = [](Strike& strike, Site&) {
    return set_nice(strike.process.pid(), static_cast<int>(strike.value("nice")));
  };
  kind.prove = [](Strike& strike, Site&) -> std::optional<std::string> {
    const int now = nice_of(strike.process.pid());
    if (now == strike.record["nice"].get<int>()) return {};
    return fmt::format("nice {}, was {}", now, strike.record["nice"].get<int>());
  };
  kind.undo = [](const json& record, std::shared_ptr<void>&) -> Attempt<std::string> {
    const auto process = HeldProcess::find(record);
    if (!process) return std::string{gone};
    return told(*process, set_nice(process->pid(), record["nice"].get<int>()));
  };
  kind.undone = [](const json& record) {
    const auto process = HeldProcess::find(record);
    return !process || nice_of(process->pid()) == record["nice"].get<int>();
  };
  return kind;
}

}  // namespace

void add_worker_limits(std::vector<FaultKind>& kinds) {
  kinds.push_back(limit_kind(
      "limit_files_worker", RLIMIT_NOFILE, "RLIMIT_NOFILE",
      "a worker that can open no further file",
      {"files", 0, 1'000'000, 8, "its soft limit of descriptors"},
      [](const Strike& strike) { return static_cast<std::uint64_t>(strike.value("files")); }));
  kinds.push_back(limit_kind(
      "limit_memory_worker", RLIMIT_AS, "RLIMIT_AS",
      "a worker that gets no further memory from the system",
      {"more_mib", 0, 65'536, 1, "address space beyond what it has resident"},
      [](const Strike& strike) {
        const auto stat = read_proc_stat(strike.process.pid());
        const std::int64_t resident_kib = stat ? stat->rss_kib : 0;
        return static_cast<std::uint64_t>((resident_kib << 10) + (strike.value("more_mib") << 20));
      }));
  kinds.push_back(pin_kind());
  kinds.push_back(nice_kind());
}

}  // namespace ordeal::chaos
