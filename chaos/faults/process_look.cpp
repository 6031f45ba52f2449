#include "chaos/faults/process_look.hpp"

#include <dirent.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

namespace ordeal::chaos {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};

}  // namespace

ProcessSeen look_at_process(int pid) {
  const std::unique_ptr<std::FILE, CloseFile> file{
      std::fopen(fmt::format("/proc/{}/stat", pid).c_str(), "re")};
  if (!file) return {};
  char text[1024];
  const std::string_view stat{text, std::fread(text, 1, sizeof text, file.get())};
  // "pid (name) state parent ...", and the name may hold anything, brackets too.
  const std::size_t open = stat.find('(');
  const std::size_t close = stat.rfind(')');
  if (open == stat.npos || close == stat.npos || close + 4 >= stat.size()) return {};
  return {.pid = pid,
          .parent = std::atoi(std::string{stat.substr(close + 4)}.c_str()),
          .state = stat[close + 2],
          .name = std::string{stat.substr(open + 1, close - open - 1)}};
}

std::vector<ProcessSeen> children_of_this_process() {
  std::vector<ProcessSeen> children;
  const std::unique_ptr<DIR, CloseDirectory> directory{opendir("/proc")};
  if (!directory) return children;
  while (const dirent* entry = readdir(directory.get())) {
    const int pid = std::atoi(entry->d_name);
    if (pid <= 0) continue;
    ProcessSeen process = look_at_process(pid);
    if (process.pid == pid && process.parent == getpid()) children.push_back(std::move(process));
  }
  return children;
}

}  // namespace ordeal::chaos
