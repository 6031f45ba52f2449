// How often the kernel has killed for want of memory, where this host's workers live.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ordeal::pool::process {

// Reads oom_kill from the host's memory cgroup: v2 memory.events, v1 memory.oom_control; where
// neither can be read (the root cgroup), the whole system's count in /proc/vmstat.
//
// The counter says how many were killed, not who. So a worker that died of SIGKILL, which the pool
// did not send, "possibly" ran out of memory if the count has grown; each increase explains one
// death, and those that are left over soon explain none.
// Thread safety: none.
class OomCounter {
 public:
  using Instant = std::chrono::steady_clock::time_point;

  OomCounter();
  // For tests: reads that file.
  explicit OomCounter(std::string file);

  // Whether an increase is left to explain a death seen now. Consumes it.
  [[nodiscard]] bool claim(Instant now);
  // An increase that no death has claimed for so long after it was seen belongs to somebody else's.
  static constexpr std::chrono::milliseconds leftover_life{1000};

  [[nodiscard]] std::optional<std::uint64_t> read() const;
  [[nodiscard]] const std::string& file() const { return file_; }  // empty: none can be read

 private:
  std::string file_;
  std::uint64_t seen_ = 0;
  std::uint64_t left_over_ = 0;
  Instant left_over_since_{};
};

// The number after "oom_kill " at the beginning of a line.
[[nodiscard]] std::optional<std::uint64_t> parse_oom_kill(std::string_view text);
// From /proc/self/cgroup's text: the path of the memory cgroup's file, below /sys/fs/cgroup.
[[nodiscard]] std::optional<std::string> oom_file_of_cgroup(std::string_view proc_self_cgroup,
                                                            bool version_1);

}  // namespace ordeal::pool::process
