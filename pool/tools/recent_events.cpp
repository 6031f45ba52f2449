#include "pool/tools/recent_events.hpp"

#include "pool/observe/log_line.hpp"

namespace ordeal::pool::tools {

void RecentEvents::add(const PoolEvent& event) {
  const std::lock_guard lock{mutex_};
  if (events_.size() == events_max) events_.pop_front();
  events_.push_back(event);
}

std::vector<std::string> RecentEvents::lines() const {
  const std::lock_guard lock{mutex_};
  std::vector<std::string> lines;
  const auto now = std::chrono::steady_clock::now();
  for (const PoolEvent& event : events_) {
    const auto ago = std::chrono::duration_cast<std::chrono::milliseconds>(now - event.at);
    lines.push_back(std::to_string(ago.count()) + " ms ago: " + observe::log_line(event));
  }
  return lines;
}

}  // namespace ordeal::pool::tools
