#include "testing/leaks/leak_check.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>

#include "pool/process/file_descriptor.hpp"
#include "pool/runtime/clock.hpp"
#include "testing/leaks/shared_memory.hpp"

namespace ordeal::trial {
namespace {

namespace fs = std::filesystem;
using pool::process::FileDescriptor;
using pool::runtime::Instant;

// pidfd_open's PIDFD_THREAD, which is O_EXCL; since Linux 6.9.
constexpr unsigned pidfd_of_thread = O_EXCL;
// Older kernels do not announce a thread's end: there it is looked for this often.
constexpr std::chrono::milliseconds look_again_after{1};

template <typename Entry>
std::string identity(int number, const Entry& entry) {
  return std::to_string(number) + "@" + std::to_string(entry.start_ticks);
}

std::map<std::string, std::string> open_descriptors() {
  std::map<std::string, std::string> found;
  std::error_code failure;
  const std::string own_folder = "/proc/" + std::to_string(getpid()) + "/fd";
  for (fs::directory_iterator entry{"/proc/self/fd", failure}, end; !failure && entry != end;
       entry.increment(failure)) {
    std::error_code gone;
    const std::string target = fs::read_symlink(entry->path(), gone);
    if (gone || target == own_folder) continue;  // the one that lists this folder
    const std::string number_and_target = entry->path().filename().string() + " -> " + target;
    const bool is_socket = target.rfind("socket:", 0) == 0;
    found[number_and_target] = (is_socket ? "socket " : "descriptor ") + number_and_target;
  }
  return found;
}

std::map<std::string, std::string> files_in(const std::string& folder) {
  std::map<std::string, std::string> found;
  if (folder.empty()) return found;
  std::error_code failure;
  for (fs::recursive_directory_iterator entry{folder, failure}, end; !failure && entry != end;
       entry.increment(failure)) {
    found[entry->path()] = "file " + entry->path().string();
  }
  return found;
}

FileDescriptor open_pidfd(int number, unsigned flags) {
  return FileDescriptor{static_cast<int>(syscall(SYS_pidfd_open, number, flags))};
}

struct Difference {
  std::vector<Leak> leaks;
  std::vector<int> living_processes;
  std::vector<int> threads;
};

Difference difference(const Snapshot& before, const Snapshot& now) {
  Difference found;
  std::vector<ProcessEntry> family;
  for (const auto& [key, entry] : now.processes) family.push_back(entry);
  for (const auto& [key, entry] : now.processes) {
    if (before.processes.contains(key) && !entry.is_zombie()) continue;
    if (const auto old = before.processes.find(key);
        old != before.processes.end() && old->second.is_zombie()) {
      continue;  // was a zombie before this test
    }
    found.leaks.push_back({.kind = entry.is_zombie() ? LeakKind::zombie : LeakKind::process,
                           .what = entry.describe(),
                           .pid = entry.pid});
    if (!entry.is_zombie()) found.living_processes.push_back(entry.pid);
  }
  for (const auto& [key, entry] : now.threads) {
    if (before.threads.contains(key)) continue;
    found.leaks.push_back({.kind = LeakKind::thread, .what = entry.describe()});
    found.threads.push_back(entry.id);
  }
  for (const auto& [key, what] : now.descriptors) {
    if (before.descriptors.contains(key)) continue;
    const bool is_socket = what.rfind("socket", 0) == 0;
    found.leaks.push_back(
        {.kind = is_socket ? LeakKind::socket : LeakKind::descriptor, .what = what});
  }
  for (const auto& [path, what] : now.files) {
    if (before.files.contains(path)) continue;
    found.leaks.push_back({.kind = LeakKind::file, .what = what, .path = path});
  }
  for (const auto& [key, what] : now.shared_memory) {
    if (before.shared_memory.contains(key) || is_used_by_others(key, family)) continue;
    found.leaks.push_back({.kind = LeakKind::shared_memory, .what = what, .path = key});
  }
  return found;
}

// Returns false at the deadline, or if nothing of this can end by itself.
bool await_an_end(const Difference& found, Instant deadline) {
  std::vector<FileDescriptor> ends;
  std::vector<pollfd> waited;
  bool gone_already = false;
  bool unannounced = false;
  const auto add = [&](int number, unsigned flags) {
    FileDescriptor end = open_pidfd(number, flags);
    if (end) {
      waited.push_back({.fd = end.get(), .events = POLLIN, .revents = 0});
      ends.push_back(std::move(end));
    } else if (errno == ESRCH) {
      gone_already = true;
    } else {
      unannounced = true;
    }
  };
  for (const int pid : found.living_processes) add(pid, 0);
  for (const int id : found.threads) add(id, pidfd_of_thread);
  if (gone_already) return pool::runtime::now() < deadline;
  if (waited.empty() && !unannounced) return false;
  const Instant until =
      unannounced ? std::min(deadline, pool::runtime::now() + look_again_after) : deadline;
  return pool::runtime::poll_until(waited, until) > 0 || pool::runtime::now() < deadline;
}

}  // namespace

Snapshot take_snapshot(const Watched& watched) {
  Snapshot snapshot;
  std::vector<ProcessEntry> family = processes_of(getpid(), watched.marker);
  snapshot.shared_memory = shared_memory_of(family);
  for (ProcessEntry& entry : family) {
    snapshot.processes[identity(entry.pid, entry)] = std::move(entry);
  }
  for (ThreadEntry& entry : threads_of_this_process()) {
    snapshot.threads[identity(entry.id, entry)] = std::move(entry);
  }
  snapshot.descriptors = open_descriptors();
  snapshot.files = files_in(watched.temp_folder);
  return snapshot;
}

std::vector<Leak> leaks_since(const Snapshot& before, const Watched& watched,
                              std::chrono::milliseconds patience) {
  const Instant deadline = pool::runtime::now() + patience;
  while (true) {
    Difference found = difference(before, take_snapshot(watched));
    if (found.leaks.empty() || !await_an_end(found, deadline)) return std::move(found.leaks);
  }
}

void clean_up(const std::vector<Leak>& leaks) {
  for (const Leak& leak : leaks) {
    if (leak.kind == LeakKind::process) {
      if (const FileDescriptor process = open_pidfd(leak.pid, 0)) {
        syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0);
      }
    }
    // Another's child, or one that somebody else reaps, is not ours to wait for: then this fails.
    if (leak.pid > 0) (void)waitpid(leak.pid, nullptr, 0);
    if (leak.kind == LeakKind::shared_memory) remove_shared_memory(leak.path);
    if (leak.kind == LeakKind::file) {
      std::error_code gone;
      fs::remove_all(leak.path, gone);
    }
  }
}

}  // namespace ordeal::trial
