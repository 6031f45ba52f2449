// A start (of a pool, of a migration) on a thread of its own, so that the loop hears signals and
// `status` meanwhile.
#pragma once

#include <functional>
#include <optional>
#include <thread>
#include <utility>

#include "ordeal/pool/error.hpp"
#include "pool/tools/completions.hpp"

namespace ordeal::pool::tools {

template <typename Started>
class Starting {
 public:
  // `start` runs on the thread and returns a Result<Started>.
  explicit Starting(std::function<Result<Started>()> start) {
    thread_ = std::thread{[this, start = std::move(start)] {
      result_.emplace(start());
      bell_.ring();
    }};
  }
  ~Starting() {
    if (thread_.joinable()) thread_.join();
  }
  Starting(const Starting&) = delete;
  Starting& operator=(const Starting&) = delete;

  // Readable once take() does not block any more.
  [[nodiscard]] int descriptor() const { return bell_.descriptor(); }
  [[nodiscard]] Result<Started> take() {
    thread_.join();
    return std::move(*result_);
  }
  // Does not wait for it. REQUIRES: the process exits at once.
  void abandon() { thread_.detach(); }

 private:
  Bell bell_;
  std::optional<Result<Started>> result_;
  std::thread thread_;
};

}  // namespace ordeal::pool::tools
