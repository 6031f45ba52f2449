#include "chaos/faults/held_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <sstream>

#include "pool/runtime/clock.hpp"

namespace ordeal::chaos {

std::string read_small_file(const std::string& path) {
  const pool::process::FileDescriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file) return {};
  std::string text;
  char part[4096];
  for (ssize_t got = 0; (got = read(file.get(), part, sizeof part)) > 0;) {
    text.append(part, static_cast<std::size_t>(got));
  }
  return text;
}

std::string write_small_file(const std::string& path, const std::string& text) {
  const pool::process::FileDescriptor file{open(path.c_str(), O_WRONLY | O_CLOEXEC)};
  if (!file) return fmt::format("{}: {}", path, std::strerror(errno));
  if (write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size())) return {};
  return fmt::format("{}: {}", path, std::strerror(errno));
}

std::optional<ProcStat> read_proc_stat(int pid) {
  const std::string text = read_small_file(fmt::format("/proc/{}/stat", pid));
  const std::size_t close = text.rfind(')');  // the name before it may hold anything
  if (close == text.npos || close + 2 >= text.size()) return {};
  std::istringstream fields{text.substr(close + 2)};
  ProcStat stat;
  std::string skipped;
  std::uint64_t user = 0;
  std::uint64_t system = 0;
  std::int64_t pages = 0;
  fields >> stat.state >> stat.parent;  // fields 3 and 4
  for (int field = 5; field <= 13; ++field) fields >> skipped;
  fields >> user >> system;  // 14 and 15
  for (int field = 16; field <= 21; ++field) fields >> skipped;
  fields >> stat.start_ticks >> skipped >> pages;  // 22 to 24
  if (!fields) return {};
  stat.cpu_ticks = user + system;
  stat.rss_kib = pages * sysconf(_SC_PAGESIZE) / 1024;
  return stat;
}

std::optional<HeldProcess> HeldProcess::hold(int pid) {
  HeldProcess held;
  held.pid_ = pid;
  held.pidfd_.reset(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!held.pidfd_) return {};
  const auto stat = read_proc_stat(pid);
  // Dead by now: then the numbers may be a stranger's already.
  if (!stat || stat->state == 'Z' || held.is_dead()) return {};
  held.start_ticks_ = stat->start_ticks;
  return held;
}

std::optional<HeldProcess> HeldProcess::find(const nlohmann::json& record) {
  if (!record.contains("pid") || !record.contains("start_ticks")) return {};
  auto held = hold(record["pid"].get<int>());
  if (held && held->start_ticks_ != record["start_ticks"].get<std::uint64_t>()) return {};
  return held;
}

bool HeldProcess::is_dead() const { return pool::runtime::is_readable_now(pidfd_.get()); }

std::string HeldProcess::send(int signal) const {
  if (syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0) == 0) return {};
  return fmt::format("pidfd_send_signal({}): {}", pid_, std::strerror(errno));
}

std::optional<ProcStat> HeldProcess::stat() const {
  auto stat = read_proc_stat(pid_);
  if (stat && stat->start_ticks != start_ticks_) return {};
  return stat;
}

nlohmann::json HeldProcess::to_json() const {
  return {{"pid", pid_}, {"start_ticks", start_ticks_}};
}

}  // namespace ordeal::chaos
