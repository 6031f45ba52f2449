#include "pool/core/admission_queue.hpp"

#include "pool/core/assert.hpp"

namespace ordeal::pool::core {

void AdmissionQueue::grow(std::uint32_t index, std::uint32_t lane) {
  if (index >= nodes_.size()) nodes_.resize(index + std::size_t{1});
  if (lane >= lanes_.size()) lanes_.resize(lane + std::size_t{1});
  ORDEAL_ASSERT(nodes_[index].lane == none, "a ticket waits in one place at a time");
}

void AdmissionQueue::link_behind(std::uint32_t ahead, std::uint32_t index, std::uint64_t serial,
                                 std::uint32_t lane) {
  Lane& l = lanes_[lane];
  const std::uint32_t behind = ahead == none ? l.head : nodes_[ahead].behind;
  nodes_[index] = Node{serial, ahead, behind, lane};
  (ahead == none ? l.head : nodes_[ahead].behind) = index;
  (behind == none ? l.tail : nodes_[behind].ahead) = index;
  ++l.size;
  ++size_;
}

void AdmissionQueue::insert(std::uint32_t index, std::uint64_t serial, std::uint32_t lane) {
  grow(index, lane);
  std::uint32_t ahead = none;
  std::uint32_t behind = lanes_[lane].head;
  const std::uint32_t tail = lanes_[lane].tail;
  if (tail != none && nodes_[tail].serial < serial) {  // a newcomer
    ahead = tail;
    behind = none;
  }
  while (behind != none && nodes_[behind].serial < serial) {
    ahead = behind;
    behind = nodes_[behind].behind;
  }
  link_behind(ahead, index, serial, lane);
}

void AdmissionQueue::remove(std::uint32_t index) {
  ORDEAL_ASSERT(contains(index), "only a ticket that waits can be removed");
  const Node node = nodes_[index];
  Lane& lane = lanes_[node.lane];
  (node.ahead == none ? lane.head : nodes_[node.ahead].behind) = node.behind;
  (node.behind == none ? lane.tail : nodes_[node.behind].ahead) = node.ahead;
  nodes_[index].lane = none;
  --lane.size;
  --size_;
}

std::optional<std::uint32_t> AdmissionQueue::front(std::uint32_t lane) const {
  if (lane >= lanes_.size() || lanes_[lane].head == none) return std::nullopt;
  return lanes_[lane].head;
}

std::optional<std::uint32_t> AdmissionQueue::pop_front(std::uint32_t lane) {
  const auto index = front(lane);
  if (index) remove(*index);
  return index;
}

std::size_t AdmissionQueue::join(std::uint32_t lane) {
  if (size_of(lane) == 0) return 0;
  std::size_t moved = 0;
  std::uint32_t ahead = none;
  std::uint32_t behind = lanes_[shared_lane].head;
  while (const auto index = pop_front(lane)) {
    const std::uint64_t serial = nodes_[*index].serial;
    while (behind != none && nodes_[behind].serial < serial) {
      ahead = behind;
      behind = nodes_[behind].behind;
    }
    link_behind(ahead, *index, serial, shared_lane);
    ahead = *index;
    ++moved;
  }
  return moved;
}

std::uint32_t AdmissionQueue::lane_of(std::uint32_t index) const {
  ORDEAL_ASSERT(contains(index), "only a ticket that waits is in a lane");
  return nodes_[index].lane;
}

std::optional<std::uint32_t> AdmissionQueue::behind(std::uint32_t index) const {
  ORDEAL_ASSERT(contains(index), "only a ticket that waits has others behind it");
  const std::uint32_t next = nodes_[index].behind;
  if (next == none) return std::nullopt;
  return next;
}

bool AdmissionQueue::contains(std::uint32_t index) const {
  return index < nodes_.size() && nodes_[index].lane != none;
}

}  // namespace ordeal::pool::core
