// A worker of python_mock on pipes, and all that it writes: for comparing it with the zoo in C++.
#pragma once

#include <optional>
#include <string>

#include "pool/process/worker_process.hpp"
#include "pool/wire/handshake.hpp"

namespace ordeal::trial {

struct Transcript {
  std::string bytes;
  pool::process::ExitStatus status;
};

class RealWorker {
 public:
  // Shaken hands with, with these capabilities. Fails the test (and ends the program) if it cannot.
  explicit RealWorker(pool::wire::Capabilities offered);

  [[nodiscard]] int pid() const { return process_->pid(); }
  // Writes these requests and ends the worker's input; what it writes until it has ended.
  [[nodiscard]] Transcript play(const std::string& requests);
  // For one that does not end by itself: it is killed once it has read all requests and written
  // `least_bytes`.
  [[nodiscard]] Transcript play_and_kill(const std::string& requests, std::size_t least_bytes);

 private:
  [[nodiscard]] bool turn(std::string_view& to_write, std::string& read);
  [[nodiscard]] bool has_read_all() const;

  std::optional<pool::process::WorkerProcess> process_;
};

}  // namespace ordeal::trial
