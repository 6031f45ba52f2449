// The run's counters, the line that a terminal sees of them, and the summary at the end.
//
// The line is redrawn in place when a request ends, at most four times a second; nothing waits for
// time. On anything but a terminal there is no such line. Not thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "ordeal/pool/status.hpp"
#include "pool/tools/outcome_line.hpp"

namespace ordeal::pool::tools {

struct Counts {
  std::uint64_t lines = 0;  // requests read, malformed ones too; blank lines are none
  std::uint64_t ok = 0;
  std::uint64_t failed = 0;
  std::uint64_t indeterminate = 0;
  [[nodiscard]] std::uint64_t done() const { return ok + failed + indeterminate; }
  [[nodiscard]] std::uint64_t in_flight() const { return lines - done(); }
  void count(Outcome outcome);
};

class Progress {
 public:
  using Clock = std::chrono::steady_clock;
  explicit Progress(Clock::time_point started);
  void redraw(const Counts& counts, Clock::time_point now);
  // A message on standard error, "ordeal-pool: ..."; the progress line makes way for it.
  void say(std::string_view message);
  [[nodiscard]] std::chrono::nanoseconds elapsed(Clock::time_point now) const {
    return now - started_;
  }

 private:
  Clock::time_point started_;
  Clock::time_point drawn_at_{};
  bool terminal_;
  bool drawn_ = false;
};

[[nodiscard]] double per_second(std::uint64_t count, std::chrono::nanoseconds elapsed);

// "1000 requests: 998 ok, 1 failed, 1 indeterminate in 1.23 s (813/s); 1 worker lost".
[[nodiscard]] std::string summary(const Counts& counts, std::chrono::nanoseconds elapsed,
                                  const Status& status);

}  // namespace ordeal::pool::tools
