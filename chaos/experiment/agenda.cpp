#include "chaos/experiment/agenda.hpp"

#include <utility>

namespace ordeal::chaos {

void Agenda::close() {
  {
    const std::lock_guard lock{mutex_};
    is_to_end_ = true;
    due_.clear();
  }
  wake_.notify();
  if (thread_.joinable()) thread_.join();
}

void Agenda::at(TimePoint due, std::function<void()> act) {
  {
    const std::lock_guard lock{mutex_};
    if (is_to_end_) return;
    due_.emplace(due, std::move(act));
  }
  wake_.notify();
}

void Agenda::run() {
  while (true) {
    const std::uint32_t ticket = wake_.ticket();
    std::function<void()> act;
    pool::core::Instant next = pool::core::never;
    {
      const std::lock_guard lock{mutex_};
      if (is_to_end_) return;
      if (!due_.empty() && due_.begin()->first <= time_now()) {
        act = std::move(due_.begin()->second);
        due_.erase(due_.begin());
      } else if (!due_.empty()) {
        next = pool::runtime::to_instant(due_.begin()->first);
      }
    }
    if (act) {
      act();
    } else {
      wake_.wait_until(next, ticket);
    }
  }
}

}  // namespace ordeal::chaos
