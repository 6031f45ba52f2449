#include "perf/scenarios/usage.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "perf/bench/call_counters.hpp"
#include "pool/runtime/proc.hpp"

namespace ordeal::perf {
namespace {

// The number behind "NAME:" in a file of /proc; 0 if it is not there.
std::int64_t number_in(const std::string& file, const std::string& name) {
  std::ifstream lines{file};
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(name + ":"))
      return std::strtoll(line.c_str() + name.size() + 1, nullptr, 10);
  }
  return 0;
}

double steal_of_machine_s() {
  std::ifstream file{"/proc/stat"};
  std::string cpu;
  double value = 0;
  file >> cpu;
  for (int column = 0; column < 8; ++column) file >> value;  // the eighth is steal
  return file ? value / static_cast<double>(sysconf(_SC_CLK_TCK)) : 0;
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

double pss_kib(int pid) {
  return static_cast<double>(number_in(fmt::format("/proc/{}/smaps_rollup", pid), "Pss"));
}

}  // namespace

Usage usage_now(const pool::Pool* pool) {
  rusage own{};
  getrusage(RUSAGE_SELF, &own);
  Usage usage{.cpu_s = seconds(own.ru_utime) + seconds(own.ru_stime),
              .voluntary_switches = own.ru_nvcsw,
              .involuntary_switches = own.ru_nivcsw,
              .steal_s = steal_of_machine_s()};
  if (pool != nullptr) {
    for (const auto& worker : pool->status().workers) {
      if (const auto use = pool::runtime::processor_use(worker.pid)) {
        usage.workers_cpu_s += std::chrono::duration<double>(use->ran).count();
      }
      usage.workers_voluntary_switches +=
          number_in(fmt::format("/proc/{}/status", worker.pid), "voluntary_ctxt_switches");
    }
  }
  usage.allocations = allocations_of_this_thread();  // last: what is above allocates
  return usage;
}

Memory memory_now(const pool::Pool& pool) {
  Memory memory;
  memory.host_rss_kib = static_cast<double>(pool::runtime::resident_kib(getpid()));
  const auto status = pool.status();
  double workers = 0;
  for (const auto& worker : status.workers) {
    if (worker.pid <= 0) continue;
    ++workers;
    memory.worker_rss_kib += static_cast<double>(pool::runtime::resident_kib(worker.pid));
    memory.workers_pss_kib += pss_kib(worker.pid);
  }
  if (workers > 0) {
    memory.worker_rss_kib /= workers;
    memory.worker_pss_kib = memory.workers_pss_kib / workers;
  }
  if (status.fork_template.pid > 0) memory.workers_pss_kib += pss_kib(status.fork_template.pid);
  return memory;
}

}  // namespace ordeal::perf
