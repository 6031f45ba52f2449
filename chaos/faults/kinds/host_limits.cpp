// The host runs out of something: descriptors, processes. Proof: an attempt of our own fails as it
// should. Both end with this process, so the records are for the account alone.
#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "chaos/faults/registry.hpp"

namespace ordeal::chaos {
namespace {

Attempt<void> set_own_soft(__rlimit_resource resource, rlim_t soft) {
  rlimit limit{};
  if (getrlimit(resource, &limit) == 0) {
    limit.rlim_cur = std::min(soft, limit.rlim_max);
    if (setrlimit(resource, &limit) == 0) return {};
  }
  return tl::unexpected(fmt::format("setrlimit: {}", std::strerror(errno)));
}

Attempt<void> plan_own_limit(Strike& strike, __rlimit_resource resource) {
  rlimit limit{};
  if (getrlimit(resource, &limit) != 0) {
    return tl::unexpected(fmt::format("getrlimit: {}", std::strerror(errno)));
  }
  strike.record = {{"host_pid", getpid()}, {"soft", limit.rlim_cur}};
  return {};
}

bool is_own(const json& record) { return record.value("host_pid", 0) == getpid(); }

// The limit ended with the process that had it, if that was another one.
Attempt<std::string> restore_own(const json& record, __rlimit_resource resource) {
  if (!is_own(record)) return std::string{gone};
  const auto soft = record["soft"].get<rlim_t>();
  if (auto set = set_own_soft(resource, soft); !set) return tl::unexpected(set.error());
  return fmt::format("soft limit {} again", soft);
}

// --- descriptors -------------------------------------------------------------------------------

bool can_open() {
  const int copy = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
  if (copy >= 0) close(copy);
  return copy >= 0;
}

// The lowest limit under which nothing further can be opened.
Attempt<void> take_descriptors(Strike& strike, Site&) {
  const int next = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
  if (next < 0) return tl::unexpected(fmt::format("dup: {}", std::strerror(errno)));
  close(next);
  return set_own_soft(RLIMIT_NOFILE,
                      static_cast<rlim_t>(next) + static_cast<rlim_t>(strike.value("left")));
}

FaultKind files_kind() {
  FaultKind kind{.name = "exhaust_files_host",
                 .summary = "the host can open no further descriptor (EMFILE)",
                 .proof = "an attempt to open one fails with EMFILE",
                 .expected = "calls in hand go on; starts fail with a definite error; it heals",
                 .aim = Aim::host,
                 .options = {{"left", 0, 1000, 0, "descriptors that may still be opened"}}};
  kind.plan = [](Strike& strike, Site&) { return plan_own_limit(strike, RLIMIT_NOFILE); };
  kind.inject = take_descriptors;
  kind.prove = [](Strike& strike, Site&) -> std::optional<std::string> {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur == strike.record["soft"].get<rlim_t>()) return {};
    if (strike.value("left") == 0 && can_open()) return {};
    return fmt::format("soft RLIMIT_NOFILE {}, was {}{}", limit.rlim_cur,
                       strike.record["soft"].get<rlim_t>(),
                       strike.value("left") == 0 ? "; dup fails: EMFILE" : "");
  };
  kind.undo = [](const json& record, std::shared_ptr<void>&) {
    return restore_own(record, RLIMIT_NOFILE);
  };
  kind.undone = [](const json& record) { return !is_own(record) || can_open(); };
  return kind;
}

// --- processes ---------------------------------------------------------------------------------

constexpr const char* pids_root = "/sys/fs/cgroup/pids";

// 0: a child could be made (and was reaped); else errno.
int try_to_fork() {
  const pid_t child = vfork();
  if (child == 0) _exit(0);
  if (child < 0) return errno;
  waitpid(child, nullptr, 0);
  return 0;
}

std::string own_pids_cgroup() {
  const std::string text = read_small_file("/proc/self/cgroup");
  const std::size_t at = text.find(":pids:");
  if (at == text.npos) return {};
  const std::size_t begin = at + 6;
  return text.substr(begin, text.find('\n', begin) - begin);
}

// Moves this process, its threads and what it forks from now on into a group that is full.
Attempt<void> fill_pids_cgroup(Strike& strike) {
  const std::string folder = strike.record["folder"];
  std::error_code failed;
  std::filesystem::create_directory(folder, failed);
  std::string error = write_small_file(folder + "/cgroup.procs", std::to_string(getpid()));
  if (error.empty()) {
    const std::string current = read_small_file(folder + "/pids.current");
    error = write_small_file(folder + "/pids.max", std::to_string(std::atoi(current.c_str())));
  }
  if (error.empty()) return {};
  return tl::unexpected(error);
}

Attempt<void> plan_processes(Strike& strike, Site&) {
  if (geteuid() != 0) return plan_own_limit(strike, RLIMIT_NPROC);
  const std::string before = own_pids_cgroup();
  strike.record = {{"host_pid", getpid()},
                   {"before", std::string{pids_root} + before},
                   {"folder", fmt::format("{}{}/ordeal-chaos-{}-{}", pids_root,
                                          before == "/" ? "" : before, getpid(), strike.number)}};
  return {};
}

Attempt<std::string> free_pids_cgroup(const json& record) {
  const std::string folder = record["folder"];
  if (!std::filesystem::exists(folder)) return folder + " is gone";
  (void)write_small_file(folder + "/pids.max", "max");
  std::string error;
  for (int round = 0; round < 3; ++round) {
    const std::string procs = read_small_file(folder + "/cgroup.procs");
    for (std::size_t at = 0; at < procs.size();) {
      const std::size_t end = procs.find('\n', at);
      error = write_small_file(record["before"].get<std::string>() + "/cgroup.procs",
                               procs.substr(at, end - at));
      at = end == procs.npos ? procs.size() : end + 1;
    }
  }
  if (rmdir(folder.c_str()) == 0) return "left and removed " + folder;
  return tl::unexpected(fmt::format("rmdir {}: {} {}", folder, std::strerror(errno), error));
}

FaultKind processes_kind() {
  FaultKind kind{.name = "exhaust_processes",
                 .summary = "the host can make no further process (EAGAIN)",
                 .proof = "an attempt to fork fails with EAGAIN",
                 .expected = "serves with the workers it has; starts back off; no spin; it heals",
                 .aim = Aim::host};
  kind.permit = [](const Site&) {
    if (geteuid() != 0) return Permit{};
    return access("/sys/fs/cgroup/pids/cgroup.procs", W_OK) == 0
               ? Permit{}
               : refused_because("as root it needs a pids cgroup (v1), which is not there");
  };
  kind.plan = plan_processes;
  kind.inject = [](Strike& strike, Site&) {
    return geteuid() == 0 ? fill_pids_cgroup(strike) : set_own_soft(RLIMIT_NPROC, 1);
  };
  kind.prove = [](Strike&, Site&) -> std::optional<std::string> {
    if (try_to_fork() != EAGAIN) return {};
    return "fork fails: EAGAIN";
  };
  kind.undo = [](const json& record, std::shared_ptr<void>&) {
    return record.contains("folder") ? free_pids_cgroup(record) : restore_own(record, RLIMIT_NPROC);
  };
  kind.undone = [](const json& record) {
    if (record.contains("folder")) {
      return !std::filesystem::exists(record["folder"].get<std::string>());
    }
    return !is_own(record) || try_to_fork() == 0;
  };
  return kind;
}

}  // namespace

void add_host_limits(std::vector<FaultKind>& kinds) {
  kinds.push_back(files_kind());
  kinds.push_back(processes_kind());
}

}  // namespace ordeal::chaos
