// Pool::start on a thread of its own, so that the loop hears signals and `status` meanwhile.
#pragma once

#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "ordeal/pool/pool.hpp"
#include "pool/tools/completions.hpp"

namespace ordeal::pool::tools {

class PoolStart {
 public:
  PoolStart(Options options, std::vector<Sink> sinks) {
    thread_ = std::thread{[this, options = std::move(options), sinks = std::move(sinks)]() mutable {
      result_.emplace(Pool::start(std::move(options), std::move(sinks)));
      bell_.ring();
    }};
  }
  ~PoolStart() {
    if (thread_.joinable()) thread_.join();
  }
  PoolStart(const PoolStart&) = delete;
  PoolStart& operator=(const PoolStart&) = delete;

  // Readable once take() does not block any more.
  [[nodiscard]] int descriptor() const { return bell_.descriptor(); }
  [[nodiscard]] Result<Pool> take() {
    thread_.join();
    return std::move(*result_);
  }
  // Does not wait for it. REQUIRES: the process exits at once.
  void abandon() { thread_.detach(); }

 private:
  Bell bell_;
  std::optional<Result<Pool>> result_;
  std::thread thread_;
};

}  // namespace ordeal::pool::tools
