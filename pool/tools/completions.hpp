// From the pool's callback thread to the loop: outcomes, and a descriptor that says there are some.
// Bounded by the number of requests in flight. push() is thread-safe; the rest is the loop's.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "ordeal/pool/call.hpp"
#include "pool/process/file_descriptor.hpp"

namespace ordeal::pool::tools {

struct Completion {
  std::uint64_t line = 0;
  std::string id;
  Result<Reply> result;
};

// An eventfd: rung from any thread, polled by the loop.
class Bell {
 public:
  Bell();
  void ring() const;
  void silence() const;
  [[nodiscard]] int descriptor() const { return event_.get(); }

 private:
  process::FileDescriptor event_;
};

class Completions {
 public:
  void push(Completion completion);
  [[nodiscard]] std::vector<Completion> take();
  [[nodiscard]] int descriptor() const { return bell_.descriptor(); }

 private:
  Bell bell_;
  std::mutex mutex_;
  std::vector<Completion> waiting_;
};

}  // namespace ordeal::pool::tools
