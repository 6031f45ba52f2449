// A process held so that nobody else is ever hit: by pidfd, and by its start time in /proc, which
// together with the pid is its identity also for a later process that reads an undo record.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "pool/process/file_descriptor.hpp"

namespace ordeal::chaos {

// One reading of /proc/PID/stat. Times in clock ticks.
struct ProcStat {
  char state = '?';
  int parent = 0;
  std::uint64_t cpu_ticks = 0;  // user and system
  std::uint64_t start_ticks = 0;
  std::int64_t rss_kib = 0;
};
// Empty if there is no such process. `thread_of`: of that thread of it.
[[nodiscard]] std::optional<ProcStat> read_proc_stat(int pid);

class HeldProcess {
 public:
  HeldProcess() = default;
  // Empty if there is no such process, or it is a zombie.
  [[nodiscard]] static std::optional<HeldProcess> hold(int pid);
  // The one of an undo record (to_json()); empty if it is gone, or its pid is somebody else's now.
  [[nodiscard]] static std::optional<HeldProcess> find(const nlohmann::json& record);

  [[nodiscard]] int pid() const { return pid_; }
  [[nodiscard]] int pidfd() const { return pidfd_.get(); }
  [[nodiscard]] bool is_dead() const;
  // errno's text; empty: sent.
  [[nodiscard]] std::string send(int signal) const;
  [[nodiscard]] std::optional<ProcStat> stat() const;  // empty also if the pid changed hands
  [[nodiscard]] nlohmann::json to_json() const;

 private:
  int pid_ = 0;
  std::uint64_t start_ticks_ = 0;
  pool::process::FileDescriptor pidfd_;
};

// The first line of a small file, or all of it; empty if it cannot be read.
[[nodiscard]] std::string read_small_file(const std::string& path);
// errno's text; empty: written.
[[nodiscard]] std::string write_small_file(const std::string& path, const std::string& text);

}  // namespace ordeal::chaos
