// What needs a cgroup (version 1, as root): a worker that not even SIGKILL ends until it is thawed,
// one with little CPU, one with little memory. Proof: the group's own files.
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <sstream>

#include "chaos/faults/kinds/relayed.hpp"
#include "chaos/faults/registry.hpp"

namespace ordeal::chaos {
namespace {

constexpr std::string_view root = "/sys/fs/cgroup/";

Permit permit_controller(std::string_view controller) {
  const std::string procs = fmt::format("{}{}/cgroup.procs", root, controller);
  if (access(procs.c_str(), W_OK) == 0) return {};
  return refused_because(
      fmt::format("no writable {} cgroup (v1): {}", controller, std::strerror(errno)));
}

std::string number_in(const std::string& text, std::string_view key) {
  std::istringstream words{text};
  for (std::string word, value; words >> word >> value;) {
    if (word == key) return value;
  }
  return "0";
}

// The group that the worker is in now, to go back to.
std::string group_of(int pid, std::string_view controller) {
  const std::string text = read_small_file(fmt::format("/proc/{}/cgroup", pid));
  const std::string key = fmt::format(":{}:", controller);
  const std::size_t at = text.find(key);
  if (at == text.npos) return "/";
  const std::size_t begin = at + key.size();
  return text.substr(begin, text.find('\n', begin) - begin);
}

auto plan_group(std::string_view controller) {
  return [controller](Strike& strike, Site&) -> Attempt<void> {
    strike.record = strike.process.to_json();
    strike.record["before"] =
        fmt::format("{}{}{}", root, controller, group_of(strike.process.pid(), controller));
    strike.record["folder"] =
        fmt::format("{}{}/ordeal-chaos-{}-{}", root, controller, getpid(), strike.number);
    return {};
  };
}

// The worker, and what it has started: behind a relay that is the worker proper.
std::vector<std::string> processes_of(int pid) {
  std::vector<std::string> pids{std::to_string(pid)};
  std::istringstream children{read_small_file(fmt::format("/proc/{0}/task/{0}/children", pid))};
  for (std::string child; children >> child;) pids.push_back(child);
  return pids;
}

// Makes the group, sets `file` to `text`, moves the worker in.
Attempt<void> enter(const Strike& strike, std::string_view file, const std::string& text) {
  const std::string folder = strike.record["folder"];
  std::error_code failed;
  std::filesystem::create_directory(folder, failed);
  if (failed) return tl::unexpected(fmt::format("{}: {}", folder, failed.message()));
  std::string error;
  if (!file.empty()) error = write_small_file(fmt::format("{}/{}", folder, file), text);
  for (const std::string& pid : processes_of(strike.process.pid())) {
    if (error.empty()) error = write_small_file(folder + "/cgroup.procs", pid);
  }
  if (error.empty()) return {};
  return tl::unexpected(error);
}

// Sets free whoever is in it, back to where the worker came from; then the group goes.
Attempt<std::string> leave(const json& record, std::shared_ptr<void>&) {
  const std::string folder = record["folder"];
  if (!std::filesystem::exists(folder)) return folder + " is gone";
  if (std::filesystem::exists(folder + "/freezer.state")) {
    (void)write_small_file(folder + "/freezer.state", "THAWED");
  }
  std::istringstream pids{read_small_file(folder + "/cgroup.procs")};
  std::string error;
  for (std::string pid; pids >> pid;) {
    error = write_small_file(record["before"].get<std::string>() + "/cgroup.procs", pid);
  }
  if (rmdir(folder.c_str()) == 0) return "left and removed " + folder;
  return tl::unexpected(fmt::format("rmdir {}: {}; {}", folder, std::strerror(errno), error));
}

bool left(const json& record) {
  return !std::filesystem::exists(record["folder"].get<std::string>());
}

FaultKind group_kind(std::string_view name, std::string_view controller, std::string_view summary,
                     std::string_view proof, std::string_view expected) {
  FaultKind kind{.name = name, .summary = summary, .proof = proof, .expected = expected};
  kind.permit = [controller](const Site&) { return permit_controller(controller); };
  kind.plan = plan_group(controller);
  kind.undo = leave;
  kind.undone = left;
  return kind;
}

FaultKind freezer_kind() {
  FaultKind kind = group_kind("freeze_cgroup", "freezer",
                              "a worker in the freezer: SIGKILL waits until it is thawed",
                              "freezer.state is FROZEN and /proc says state D",
                              "calls end by their deadline; nobody waits for the worker's death");
  kind.inject = [](Strike& strike, Site&) -> Attempt<void> {
    auto entered = enter(strike, "", "");
    if (!entered) return entered;
    const std::string error =
        write_small_file(strike.record["folder"].get<std::string>() + "/freezer.state", "FROZEN");
    if (error.empty()) return {};
    return tl::unexpected(error);
  };
  kind.prove = [](Strike& strike, Site&) -> std::optional<std::string> {
    const std::string state =
        read_small_file(strike.record["folder"].get<std::string>() + "/freezer.state");
    const auto stat = strike.process.stat();
    if (!state.starts_with("FROZEN") || !stat || stat->state != 'D') return {};
    return "freezer.state FROZEN, state D";
  };
  return kind;
}

FaultKind cpu_kind() {
  FaultKind kind = group_kind("throttle_cpu_cgroup", "cpu", "a worker with a quota of CPU time",
                              "the group's nr_throttled has risen",
                              "slow, not dead: no restart, as fast as before afterwards");
  kind.options = {{"quota_us", 1'000, 1'000'000, 1'000, "of each 100 ms"}};
  kind.inject = [](Strike& strike, Site&) {
    return enter(strike, "cpu.cfs_quota_us", std::to_string(strike.value("quota_us")));
  };
  kind.prove = [](Strike& strike, Site&) -> std::optional<std::string> {
    const std::string throttled = number_in(
        read_small_file(strike.record["folder"].get<std::string>() + "/cpu.stat"), "nr_throttled");
    if (throttled == "0") return {};
    return "nr_throttled " + throttled;
  };
  return kind;
}

FaultKind memory_kind() {
  FaultKind kind = group_kind("starve_memory_cgroup", "memory",
                              "a worker that may take no more memory than this",
                              "memory.failcnt has risen, or the OOM killer has struck in the group",
                              "killed for want of memory it is replaced, and the error says so");
  kind.options = {{"limit_kib", 64, 1'000'000'000, 4096, "of memory taken from now on"},
                  {"take_mib", 1, 4096, 64, "that it tries to take"}};
  kind.permit = [](const Site& site) {
    const Permit group = permit_controller("memory");
    return group.granted ? permit_relay(site) : group;
  };
  kind.plan = [](Strike& strike, Site& site) -> Attempt<void> {
    if (auto planned = plan_relay(strike, site); !planned) return planned;
    const json relay = strike.record;
    auto planned = plan_group("memory")(strike, site);
    strike.record.update(relay);
    return planned;
  };
  kind.inject = [](Strike& strike, Site&) -> Attempt<void> {
    auto entered =
        enter(strike, "memory.limit_in_bytes", std::to_string(strike.value("limit_kib") * 1024));
    if (!entered) return entered;
    return ask_worker(strike, "grow_memory",
                      fmt::format(R"({{"mb":{}}})", strike.value("take_mib")));
  };
  kind.undo = [](const json& record, std::shared_ptr<void>& resource) -> Attempt<std::string> {
    auto relay = undo_relay(record, resource);
    return relay ? leave(record, resource) : relay;
  };
  kind.prove = [](Strike& strike, Site&) -> std::optional<std::string> {
    const std::string folder = strike.record["folder"];
    const std::string kills =
        number_in(read_small_file(folder + "/memory.oom_control"), "oom_kill");
    const std::string fails = read_small_file(folder + "/memory.failcnt");
    if (kills == "0" && (fails.empty() || fails.starts_with("0"))) return {};
    return fmt::format("oom_kill {}, failcnt {}", kills, fails.substr(0, fails.find('\n')));
  };
  return kind;
}

}  // namespace

void add_cgroups(std::vector<FaultKind>& kinds) {
  kinds.push_back(freezer_kind());
  kinds.push_back(cpu_kind());
  kinds.push_back(memory_kind());
}

}  // namespace ordeal::chaos
