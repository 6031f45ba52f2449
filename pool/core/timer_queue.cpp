#include "pool/core/timer_queue.hpp"

#include <algorithm>

#include "pool/core/assert.hpp"

namespace ordeal::pool::core {

bool TimerQueue::before(const Entry& a, const Entry& b) {
  if (a.at != b.at) return a.at < b.at;
  return a.arming < b.arming;
}

void TimerQueue::place(std::size_t position, const Entry& entry) {
  heap_[position] = entry;
  nodes_[entry.node].position = static_cast<std::uint32_t>(position);
}

void TimerQueue::sift_up(std::size_t position) {
  const Entry entry = heap_[position];
  while (position > 0) {
    const std::size_t parent = (position - 1) / 2;
    if (!before(entry, heap_[parent])) break;
    place(position, heap_[parent]);
    position = parent;
  }
  place(position, entry);
}

void TimerQueue::sift_down(std::size_t position) {
  const Entry entry = heap_[position];
  for (;;) {
    std::size_t child = 2 * position + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && before(heap_[child + 1], heap_[child])) ++child;
    if (!before(heap_[child], entry)) break;
    place(position, heap_[child]);
    position = child;
  }
  place(position, entry);
}

void TimerQueue::remove_at(std::size_t position) {
  const std::uint32_t node = heap_[position].node;
  const Entry last = heap_.back();
  heap_.pop_back();
  if (position < heap_.size()) {
    place(position, last);
    sift_up(position);
    sift_down(nodes_[last.node].position);
  }
  nodes_[node].arming = 0;
  free_nodes_.push_back(node);
}

TimerHandle TimerQueue::arm(Instant at, Timer timer, std::uint32_t owner, std::uint32_t part) {
  if (at == never) return {};
  if (free_nodes_.empty()) {
    free_nodes_.push_back(static_cast<std::uint32_t>(nodes_.size()));
    nodes_.emplace_back();
    free_nodes_.reserve(nodes_.capacity());
  }
  const std::uint32_t node = free_nodes_.back();
  free_nodes_.pop_back();
  const std::uint64_t arming = ++armings_;
  nodes_[node] = Node{arming, 0, owner, part, timer};
  heap_.push_back(Entry{at, arming, node});
  sift_up(heap_.size() - 1);
  return TimerHandle{node, arming};
}

bool TimerQueue::is_armed(TimerHandle handle) const {
  return handle && handle.node < nodes_.size() && nodes_[handle.node].arming == handle.arming;
}

bool TimerQueue::cancel(TimerHandle& handle) {
  const bool armed = is_armed(handle);
  if (armed) remove_at(nodes_[handle.node].position);
  handle = {};
  return armed;
}

std::optional<Instant> TimerQueue::next() const {
  if (heap_.empty()) return std::nullopt;
  return heap_.front().at;
}

std::optional<TimerQueue::Due> TimerQueue::pop_due(Instant now) {
  if (heap_.empty() || heap_.front().at > now) return std::nullopt;
  const Entry first = heap_.front();
  const Node& node = nodes_[first.node];
  ORDEAL_ASSERT(node.arming == first.arming, "a heap entry and its node name the same arming");
  const Due due{node.timer, node.owner, node.part, first.at};
  remove_at(0);
  return due;
}

std::vector<TimerQueue::Due> TimerQueue::all() const {
  std::vector<Entry> entries = heap_;
  std::sort(entries.begin(), entries.end(), before);
  std::vector<Due> dues;
  for (const Entry& entry : entries) {
    const Node& node = nodes_[entry.node];
    dues.push_back({node.timer, node.owner, node.part, entry.at});
  }
  return dues;
}

}  // namespace ordeal::pool::core
