#include "testing/leaks/shared_memory.hpp"

#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

namespace ordeal::trial {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view names_folder = "/dev/shm/";
constexpr std::string_view segment_key = "segment ";
constexpr std::string_view name_key = "name ";

// "7f00-7f01 rw-s 00000000 00:01 5 /dev/shm/x": shared mappings of what has no file on a disk.
void add_mappings(std::map<std::string, std::string>& found) {
  std::istringstream lines(read_proc("/proc/self/maps", 4U << 20U));
  for (std::string line; std::getline(lines, line);) {
    const std::size_t at = line.find(' ');  // few are shared, and words are dear
    if (at == std::string::npos || line.substr(at, 5).back() != 's') continue;
    std::istringstream words(line);
    std::string range, rights, offset, device, inode, path;
    words >> range >> rights >> offset >> device >> inode >> path;
    const bool is_memory =
        path.starts_with(names_folder) || path.starts_with("/memfd:") || path.starts_with("/SYSV");
    if (rights.size() < 4 || rights[3] != 's' || !is_memory) continue;
    found["mapping " + range + path] = "shared memory " + path + " mapped at " + range;
  }
}

bool is_of_family(int pid, const std::vector<ProcessEntry>& family) {
  return pid == ::getpid() || std::any_of(family.begin(), family.end(),
                                          [pid](const auto& entry) { return entry.pid == pid; });
}

void add_segments(const std::vector<ProcessEntry>& family,
                  std::map<std::string, std::string>& found) {
  std::istringstream lines(read_proc("/proc/sysvipc/shm", 1U << 20U));
  std::string heading;
  std::getline(lines, heading);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    long key = 0, id = 0, perms = 0, size = 0, creator = 0;
    words >> key >> id >> perms >> size >> creator;
    if (!words || !is_of_family(static_cast<int>(creator), family)) continue;
    found[std::string{segment_key} + std::to_string(id)] =
        "shared memory segment " + std::to_string(id) + " of " + std::to_string(size) + " bytes";
  }
}

void add_names(std::map<std::string, std::string>& found) {
  std::error_code failure;
  for (fs::directory_iterator entry{names_folder, failure}, end; !failure && entry != end;
       entry.increment(failure)) {
    std::error_code gone;
    if (!entry->is_regular_file(gone)) continue;
    const std::string path = entry->path();
    found[std::string{name_key} + path] = "shared memory " + path;
  }
}

}  // namespace

std::map<std::string, std::string> shared_memory_of(const std::vector<ProcessEntry>& family) {
  std::map<std::string, std::string> found;
  add_mappings(found);
  add_segments(family, found);
  add_names(found);
  return found;
}

bool is_used_by_others(const std::string& key, const std::vector<ProcessEntry>& family) {
  if (!key.starts_with(name_key)) return false;
  const std::string path = key.substr(name_key.size());
  std::error_code gone;
  for (fs::directory_iterator process{"/proc", gone}, end; !gone && process != end;
       process.increment(gone)) {
    const std::string name = process->path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (is_of_family(std::stoi(name), family)) continue;
    if (read_proc(process->path() / "maps", 4U << 20U).find(path) != std::string::npos) return true;
    std::error_code unreadable;
    for (fs::directory_iterator fd{process->path() / "fd", unreadable}, last;
         !unreadable && fd != last; fd.increment(unreadable)) {
      std::error_code closed;
      if (fs::read_symlink(fd->path(), closed) == path) return true;
    }
  }
  return false;
}

void remove_shared_memory(const std::string& key) {
  if (key.starts_with(segment_key)) {
    ::shmctl(std::stoi(key.substr(segment_key.size())), IPC_RMID, nullptr);
  } else if (key.starts_with(name_key)) {
    ::unlink(key.substr(name_key.size()).c_str());
  }
}

}  // namespace ordeal::trial
