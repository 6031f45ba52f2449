#include "pool/runtime/proc.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>

namespace ordeal::pool::runtime {

std::int64_t resident_kib(int pid) {
  std::ifstream file{fmt::format("/proc/{}/statm", pid)};
  std::int64_t total_pages = 0;
  std::int64_t resident_pages = 0;
  if (!(file >> total_pages >> resident_pages)) return -1;
  return resident_pages * (sysconf(_SC_PAGESIZE) / 1024);
}

}  // namespace ordeal::pool::runtime
