#include "pool/core/admission_queue.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>

namespace ordeal::pool::core {
namespace {

TEST(AdmissionQueue, IsAFifo) {
  AdmissionQueue queue;
  queue.push_back(5, 1);
  queue.push_back(3, 2);
  EXPECT_EQ(queue.size(), 2U);
  EXPECT_EQ(queue.pop_front(), 5U);
  EXPECT_EQ(queue.pop_front(), 3U);
  EXPECT_EQ(queue.pop_front(), std::nullopt);
  EXPECT_TRUE(queue.empty());
}

TEST(AdmissionQueue, WhoIsPutBackStandsWhereItStood) {
  AdmissionQueue queue;
  for (std::uint32_t i = 1; i <= 4; ++i) queue.push_back(i, i);
  EXPECT_EQ(queue.pop_front(), 1U);
  EXPECT_EQ(queue.pop_front(), 2U);
  queue.put_back(1, 1);
  queue.put_back(2, 2);
  EXPECT_EQ(queue.pop_front(), 1U);
  EXPECT_EQ(queue.pop_front(), 2U);
}

TEST(AdmissionQueue, AWorkerTakesTheOlderOfItsOwnLaneAndTheShared) {
  AdmissionQueue queue;
  queue.push_back(1, 10, AdmissionQueue::shared_lane);
  queue.push_back(2, 11, 4);
  queue.push_back(3, 12, AdmissionQueue::shared_lane);
  EXPECT_EQ(queue.oldest_of(4, AdmissionQueue::shared_lane), 1U);
  queue.remove(1);
  EXPECT_EQ(queue.oldest_of(4, AdmissionQueue::shared_lane), 2U);
  EXPECT_EQ(queue.oldest_of(7, AdmissionQueue::shared_lane), 3U) << "an empty lane has no head";
  EXPECT_EQ(queue.oldest_of(4, 7), 2U);
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
    switch (what % 4) {
      case 0:
        if (contains(index)) break;
        queue.push_back(index, ++serial, lane);
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
      default: {
        if (taken.empty()) break;
        const auto back = taken.begin() + static_cast<std::ptrdiff_t>(a % taken.size());
        if (contains(back->index)) break;
        queue.put_back(back->index, back->serial, lane);
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
    RC_ASSERT(queue.empty() == (size == 0));
    for (std::uint32_t i = 0; i < indexes; ++i) RC_ASSERT(queue.contains(i) == contains(i));
  }
}

}  // namespace
}  // namespace ordeal::pool::core
