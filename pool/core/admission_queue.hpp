// Who waits, and in which order: FIFO lanes over ticket indexes, linked through one table.
//
// In the shared lane waits whom any worker may serve; in a worker's lane who waits for that worker
// alone. A worker takes the older of its own lane's head and the shared lane's head.
//
// Invariants:
//   (1) A ticket index is in at most one lane, at most once.
//   (2) Each lane is strictly increasing in serial from head to tail: a ticket that is put back
//       stands again where it stood before it was taken.
//   (3) Nothing is allocated once the tables have grown to the highest index and lane.
// pop_front, remove: O(1); so is insert of a newcomer. Else insert: O(older ones in the lane);
// join: O(both lanes). Not thread-safe; a value.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace ordeal::pool::core {

class AdmissionQueue {
 public:
  static constexpr std::uint32_t shared_lane = 0;

  // Behind those alone that are older. REQUIRES: index is in no lane.
  void insert(std::uint32_t index, std::uint64_t serial, std::uint32_t lane = shared_lane);
  // REQUIRES: index is in a lane.
  void remove(std::uint32_t index);

  [[nodiscard]] std::optional<std::uint32_t> front(std::uint32_t lane = shared_lane) const;
  [[nodiscard]] std::optional<std::uint32_t> pop_front(std::uint32_t lane = shared_lane);
  // All who wait in `lane` wait in the shared lane now, by their serials. Returns how many.
  std::size_t join(std::uint32_t lane);
  // The one behind `index` in its lane. REQUIRES: index is in a lane.
  [[nodiscard]] std::optional<std::uint32_t> behind(std::uint32_t index) const;
  [[nodiscard]] bool contains(std::uint32_t index) const;
  // REQUIRES: index is in a lane.
  [[nodiscard]] std::uint32_t lane_of(std::uint32_t index) const;
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::size_t size_of(std::uint32_t lane) const {
    return lane < lanes_.size() ? lanes_[lane].size : 0;
  }
  [[nodiscard]] std::uint32_t lanes() const { return static_cast<std::uint32_t>(lanes_.size()); }
  [[nodiscard]] std::size_t size() const { return size_; }  // over all lanes

 private:
  static constexpr std::uint32_t none = UINT32_MAX;
  struct Node {
    std::uint64_t serial = 0;
    std::uint32_t ahead = none;
    std::uint32_t behind = none;
    std::uint32_t lane = none;  // none: waits nowhere
  };
  struct Lane {
    std::uint32_t head = none;
    std::uint32_t tail = none;
    std::size_t size = 0;
  };

  void grow(std::uint32_t index, std::uint32_t lane);
  void link_behind(std::uint32_t ahead, std::uint32_t index, std::uint64_t serial,
                   std::uint32_t lane);

  std::vector<Node> nodes_;
  std::vector<Lane> lanes_;
  std::size_t size_ = 0;
};

}  // namespace ordeal::pool::core
