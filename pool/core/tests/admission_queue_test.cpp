#include "pool/core/admission_queue.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>

#include "testing/cites/cites.hpp"

namespace ordeal::pool::core {
namespace {

TEST(AdmissionQueue, IsAFifo) {
  AdmissionQueue queue;
  queue.insert(5, 1);
  queue.insert(3, 2);
  EXPECT_EQ(queue.size(), 2U);
  EXPECT_EQ(queue.pop_front(), 5U);
  EXPECT_EQ(queue.pop_front(), 3U);
  EXPECT_EQ(queue.pop_front(), std::nullopt);
  EXPECT_TRUE(queue.empty());
}

TEST(AdmissionQueue, WhoIsPutBackStandsWhereItStood) {
  AdmissionQueue queue;
  for (std::uint32_t i = 1; i <= 4; ++i) queue.insert(i, i);
  EXPECT_EQ(queue.pop_front(), 1U);
  EXPECT_EQ(queue.pop_front(), 2U);
  queue.insert(1, 1);
  queue.insert(2, 2);
  EXPECT_EQ(queue.pop_front(), 1U);
  EXPECT_EQ(queue.pop_front(), 2U);
}

TEST(AdmissionQueue, ALaneJoinsTheSharedOneBySerials) {
  cites(5);
  AdmissionQueue queue;
  queue.insert(1, 10, AdmissionQueue::shared_lane);
  queue.insert(2, 11, 4);
  queue.insert(3, 12, AdmissionQueue::shared_lane);
  queue.insert(4, 13, 4);
  EXPECT_EQ(queue.size_of(4), 2U);
  EXPECT_EQ(queue.lane_of(4), 4U);
  EXPECT_EQ(queue.join(4), 2U);
  EXPECT_EQ(queue.join(7), 0U) << "a lane that never was";
  EXPECT_EQ(queue.size_of(4), 0U);
  for (std::uint32_t index = 1; index <= 4; ++index) EXPECT_EQ(queue.pop_front(), index);
}

struct Waiter {
  std::uint64_t serial = 0;
  std::uint32_t index = 0;
};

RC_GTEST_PROP(AdmissionQueueModel, AgreesWithSortedLists, ()) {
  constexpr std::uint32_t lanes = 3;
  constexpr std::uint32_t indexes = 24;
  AdmissionQueue queue;
  std::array<std::vector<Waiter>, lanes> oracle;
  std::vector<Waiter> taken;
  std::uint64_t serial = 0;
  const auto contains = [&](std::uint32_t index) {
    for (const auto& lane : oracle) {
      for (const Waiter& w : lane) {
        if (w.index == index) return true;
      }
    }
    return false;
  };
  const auto steps = *rc::gen::container<std::vector<std::array<std::uint32_t, 3>>>(
      rc::gen::container<std::array<std::uint32_t, 3>>(rc::gen::inRange(0U, 240U)));
  for (const auto& [what, a, b] : steps) {
    const std::uint32_t index = a % indexes;
    const std::uint32_t lane = b % lanes;
    auto& list = oracle[lane];
    switch (what % 5) {
      case 0:
        if (contains(index)) break;
        queue.insert(index, ++serial, lane);
        list.push_back({serial, index});
        break;
      case 1: {
        const auto popped = queue.pop_front(lane);
        RC_ASSERT(popped == (list.empty() ? std::nullopt : std::optional(list.front().index)));
        if (popped) taken.push_back(list.front());
        if (popped) list.erase(list.begin());
        break;
      }
      case 2:
        if (!contains(index)) break;
        queue.remove(index);
        for (auto& l : oracle) {
          std::erase_if(l, [&](const Waiter& w) { return w.index == index; });
        }
        break;
      case 3: {
        if (lane == AdmissionQueue::shared_lane) break;
        RC_ASSERT(queue.join(lane) == list.size());
        auto& shared = oracle[AdmissionQueue::shared_lane];
        shared.insert(shared.end(), list.begin(), list.end());
        list.clear();
        std::sort(shared.begin(), shared.end(),
                  [](const Waiter& x, const Waiter& y) { return x.serial < y.serial; });
        break;
      }
      default: {
        if (taken.empty()) break;
        const auto back = taken.begin() + static_cast<std::ptrdiff_t>(a % taken.size());
        if (contains(back->index)) break;
        queue.insert(back->index, back->serial, lane);
        list.insert(std::find_if(list.begin(), list.end(),
                                 [&](const Waiter& w) { return w.serial > back->serial; }),
                    *back);
        taken.erase(back);
      }
    }
    std::size_t size = 0;
    for (std::uint32_t l = 0; l < lanes; ++l) {
      auto at = queue.front(l);
      for (const Waiter& w : oracle[l]) {
        RC_ASSERT(at == w.index);
        at = queue.behind(*at);
      }
      RC_ASSERT(!at);
      size += oracle[l].size();
    }
    RC_ASSERT(queue.size() == size);
    for (std::uint32_t l = 0; l < lanes; ++l) RC_ASSERT(queue.size_of(l) == oracle[l].size());
    RC_ASSERT(queue.empty() == (size == 0));
    for (std::uint32_t i = 0; i < indexes; ++i) RC_ASSERT(queue.contains(i) == contains(i));
  }
}

}  // namespace
}  // namespace ordeal::pool::core
