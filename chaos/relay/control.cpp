#include "chaos/relay/control.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pool/process/file_descriptor.hpp"

namespace ordeal::chaos {
namespace {

template <typename T>
std::shared_ptr<T> map_file(const std::string& path, bool make) {
  const pool::process::FileDescriptor file{
      open(path.c_str(), O_RDWR | O_CLOEXEC | (make ? O_CREAT : 0), 0644)};
  if (!file) return nullptr;
  // A file of zeros is a T in its first state: mode none, all counters 0.
  if (make && ftruncate(file.get(), sizeof(T)) != 0) return nullptr;
  struct stat status {};
  if (fstat(file.get(), &status) != 0 || status.st_size < static_cast<off_t>(sizeof(T))) {
    return nullptr;  // its maker is not that far yet
  }
  void* memory = mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (memory == MAP_FAILED) return nullptr;
  return {static_cast<T*>(memory), [](T* mapped) { munmap(mapped, sizeof(T)); }};
}

}  // namespace

std::shared_ptr<RelayControl> map_relay(const std::string& folder, int relay_pid, bool make) {
  return map_file<RelayControl>(fmt::format("{}/relay-{}", folder, relay_pid), make);
}

std::shared_ptr<StartControl> map_starts(const std::string& folder, bool make) {
  return map_file<StartControl>(folder + "/start", make);
}

std::string executions_file(const std::string& folder) { return folder + "/executions"; }

}  // namespace ordeal::chaos
