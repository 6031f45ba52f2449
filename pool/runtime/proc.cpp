#include "pool/runtime/proc.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

namespace ordeal::pool::runtime {

char state_letter(const std::string& stat_file) {
  std::ifstream file{stat_file};
  std::string line;
  std::getline(file, line);
  // The name before it is in parentheses, and may hold anything.
  const std::size_t behind = line.rfind(')');
  return behind == std::string::npos || behind + 2 >= line.size() ? '?' : line[behind + 2];
}

ProcessState process_state(int pid) {
  if (pid <= 0) return ProcessState::unknown;
  switch (state_letter(fmt::format("/proc/{}/stat", pid))) {
    case 'R':
      return ProcessState::running;
    case 'S':
    case 'I':
      return ProcessState::sleeping;
    case 'D':
      return ProcessState::blocked;
    case 'T':
    case 't':
      return ProcessState::stopped;
    case 'Z':
    case 'X':
      return ProcessState::dead;
    default:
      return ProcessState::unknown;
  }
}

std::int64_t resident_kib(int pid) {
  std::ifstream file{fmt::format("/proc/{}/statm", pid)};
  std::int64_t total_pages = 0;
  std::int64_t resident_pages = 0;
  if (!(file >> total_pages >> resident_pages)) return -1;
  return resident_pages * (sysconf(_SC_PAGESIZE) / 1024);
}

bool catches_signal(int pid, int signal) {
  constexpr std::string_view name = "SigCgt:\t";
  std::ifstream file{fmt::format("/proc/{}/status", pid)};
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(name)) continue;
    const std::uint64_t caught = std::strtoull(line.c_str() + name.size(), nullptr, 16);
    return (caught >> (signal - 1) & 1) != 0;
  }
  return false;
}

std::optional<ProcessorUse> processor_use(int pid) {
  if (pid <= 0) return std::nullopt;
  std::optional<ProcessorUse> use;
  std::error_code error;
  for (std::filesystem::directory_iterator task{fmt::format("/proc/{}/task", pid), error};
       !error && task != std::filesystem::directory_iterator{}; task.increment(error)) {
    std::ifstream file{task->path() / "schedstat"};
    std::int64_t ran = 0;
    std::int64_t waited = 0;
    if (!(file >> ran >> waited)) continue;
    if (!use) use.emplace();
    use->ran += core::Duration{ran};
    use->waited += core::Duration{waited};
    use->wants_one |= state_letter(task->path() / "stat") == 'R';
  }
  return use;
}

std::string waits_in(int pid) {
  std::ifstream file{fmt::format("/proc/{}/wchan", pid)};
  std::string name;
  if (pid <= 0 || !(file >> name) || name == "0") return {};
  return name;
}

}  // namespace ordeal::pool::runtime
