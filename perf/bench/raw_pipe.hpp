// The control: a raw blocking pipe to the same worker program.
//
// It sends the same bytes and reads the envelope with the same parser, but has no deadline, no id
// check, no lock, no queue and no second thread: what any host must spend at least.
// Thread safety: none.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ordeal/pool/error.hpp"
#include "pool/process/worker_process.hpp"
#include "pool/wire/frame.hpp"

namespace ordeal::perf {

class RawPipe {
 public:
  [[nodiscard]] static pool::Result<RawPipe> start(const std::vector<std::string>& command);
  // Returns the size of the result's text. A worker that misbehaves is an error.
  [[nodiscard]] pool::Result<std::size_t> call(std::string_view command, std::string_view args);

  [[nodiscard]] int pid() const { return process_.pid(); }

 private:
  explicit RawPipe(pool::process::WorkerProcess process);
  [[nodiscard]] pool::Result<std::size_t> exchange();
  pool::process::WorkerProcess process_;
  pool::wire::FrameDecoder decoder_;
  std::string frame_;
  std::uint64_t next_id_ = 1;
};

}  // namespace ordeal::perf
