// The last lines that a worker wrote to stderr, for its death certificate.
//
// A pipe that nobody drains blocks its writer at 64 KiB, so the pool's loop drains every worker's
// stderr; what a flooding worker can cost the loop is bounded by a budget for each turn, and what
// it can cost in memory by bytes_max.
//
// Invariants: (1) at most 2 * bytes_max are held; (2) text() has at most bytes_max bytes and
// lines_max lines, the last ones written; (3) drain() never waits.
// Thread safety: none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ordeal::pool::process {

struct StderrTailOptions {
  std::size_t bytes_max = 16 * 1024;
  std::size_t lines_max = 100;
};

enum class DrainOutcome : std::uint8_t {
  empty,         // all that was there is read; wait for POLLIN
  budget_spent,  // more may be there; go on in the next turn
  closed,        // end of file, or a descriptor that cannot be read: nothing more will come
};

class StderrTail {
 public:
  explicit StderrTail(StderrTailOptions options = {});

  // Reads at most `budget_bytes` from a non-blocking descriptor.
  [[nodiscard]] DrainOutcome drain(int descriptor, std::size_t budget_bytes);
  static constexpr std::size_t default_budget_bytes = 64 * 1024;  // a pipe's capacity

  void append(std::string_view text);

  // The last lines; one that is longer than all of bytes_max loses its beginning, never inside of a
  // UTF-8 sequence. Bytes are as the worker wrote them.
  [[nodiscard]] std::string text() const;
  // What was written behind the first `seen` bytes, as far as it is held.
  [[nodiscard]] std::string_view since(std::uint64_t seen) const;
  [[nodiscard]] std::uint64_t bytes_seen() const noexcept { return bytes_seen_; }

 private:
  StderrTailOptions options_;
  std::string held_;
  std::uint64_t bytes_seen_ = 0;
};

}  // namespace ordeal::pool::process
