// The news of one event, for one who waits: when it happened.
#pragma once

#include <atomic>
#include <chrono>

namespace ordeal::perf {

class Happened {
 public:
  using Clock = std::chrono::steady_clock;

  void tell(Clock::time_point at) {
    at_.store(at.time_since_epoch().count());
    at_.notify_all();
  }
  Clock::time_point wait() {
    at_.wait(0);
    return Clock::time_point{Clock::duration{at_.exchange(0)}};
  }

 private:
  std::atomic<Clock::rep> at_{0};
};

}  // namespace ordeal::perf
