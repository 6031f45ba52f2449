// Runs a program to its end, with what it prints; a crash, a hang and a failed start are errors
// that name it. Its own process group is killed if it overstays.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "perf/measurement/error.hpp"

namespace ordeal::perf {

struct ProgramRequest {
  std::vector<std::string> command;                              // searched along PATH
  std::vector<std::pair<std::string, std::string>> environment;  // besides this process's own
  std::string folder;                                            // empty: this process's
  std::chrono::milliseconds time_max{60'000};
};

struct ProgramOutput {
  std::string out;
  std::string error_text;  // the end of what it said on stderr
  int exit_code = 0;
};

// Errors: program (does not start, killed by a signal, too slow). Another exit code than 0 is no
// error.
[[nodiscard]] Attempt<ProgramOutput> run_program(const ProgramRequest& request);

// The same, and another exit code than 0 is an error with the end of stderr. Its stdout.
[[nodiscard]] Attempt<std::string> output_of(const ProgramRequest& request);

// Runs beside us, and is killed with its process group when this ends, or this process does,
// however that comes about. Its output is thrown away.
class BackgroundProgram {
 public:
  // Searched along PATH. Errors: program (nothing could be started, or nothing that ends it with
  // us).
  [[nodiscard]] static Attempt<BackgroundProgram> start(const std::vector<std::string>& command);
  ~BackgroundProgram();
  BackgroundProgram(BackgroundProgram&& other) noexcept;
  BackgroundProgram& operator=(BackgroundProgram&&) = delete;
  BackgroundProgram(const BackgroundProgram&) = delete;
  BackgroundProgram& operator=(const BackgroundProgram&) = delete;

 private:
  struct Running;
  explicit BackgroundProgram(std::unique_ptr<Running> running);
  std::unique_ptr<Running> running_;
};

}  // namespace ordeal::perf
