// A file of lines that is its owner's alone, and the time as it stands in them.
//
// Invariant: each line is one write of one O_APPEND descriptor, so several may share a file; after
// one that was written in part the next starts on a line of its own. Not thread-safe.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include "ordeal/pool/error.hpp"
#include "pool/process/file_descriptor.hpp"

namespace ordeal::pool::observe {

class LineFile {
 public:
  // Made if it is not there; 0600, also if it had other permissions. `noun`: "events file".
  // Errors: invalid_option, "<noun> <path>: <reason>", if it cannot be opened, belongs to another
  // user, or is a pipe that nobody reads.
  [[nodiscard]] static Result<LineFile> open(std::string_view noun, const std::string& path);

  // `line` without its line break. Throws std::system_error if it cannot be written.
  void append(std::string line);

 private:
  LineFile(std::string_view noun, process::FileDescriptor file)
      : noun_(noun), file_(std::move(file)) {}

  std::string noun_;
  process::FileDescriptor file_;
  bool torn_ = false;  // the last line was written in part
};

// "2026-11-23T12:00:00.000042Z"
[[nodiscard]] std::string utc(std::chrono::system_clock::time_point time);
// What the wall clock showed then, if nobody has set it since.
[[nodiscard]] std::chrono::system_clock::time_point wall_time(
    std::chrono::steady_clock::time_point at);

}  // namespace ordeal::pool::observe
