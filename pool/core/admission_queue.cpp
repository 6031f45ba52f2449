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
  ++size_;
}

void AdmissionQueue::push_back(std::uint32_t index, std::uint64_t serial, std::uint32_t lane) {
  grow(index, lane);
  const std::uint32_t tail = lanes_[lane].tail;
  ORDEAL_ASSERT(tail == none || nodes_[tail].serial < serial,
                "a newcomer is younger than everyone in its lane");
  link_behind(tail, index, serial, lane);
}

void AdmissionQueue::put_back(std::uint32_t index, std::uint64_t serial, std::uint32_t lane) {
  grow(index, lane);
  std::uint32_t ahead = none;
  std::uint32_t behind = lanes_[lane].head;
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

std::optional<std::uint32_t> AdmissionQueue::oldest_of(std::uint32_t lane_a,
                                                       std::uint32_t lane_b) const {
  const auto a = front(lane_a);
  const auto b = front(lane_b);
  if (!a) return b;
  if (!b) return a;
  return nodes_[*a].serial <= nodes_[*b].serial ? a : b;
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
