#include "pool/core/timer_queue.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "testing/cites/cites.hpp"

namespace ordeal::pool::core {
namespace {

Instant at(std::int64_t ns) { return Instant{Duration{ns}}; }

TEST(TimerQueue, ComesDueInOrderOfInstantsThenOfArming) {
  cites(53);
  TimerQueue timers;
  timers.arm(at(20), Timer::stop_grace, 1);
  timers.arm(at(10), Timer::queue_deadline, 2, 7);
  timers.arm(at(10), Timer::start_timeout, 3);
  EXPECT_EQ(timers.next(), at(10));
  const auto first = timers.pop_due(at(10));
  ASSERT_TRUE(first);
  EXPECT_EQ(first->timer, Timer::queue_deadline);
  EXPECT_EQ(first->owner, 2U);
  EXPECT_EQ(first->part, 7U);
  EXPECT_EQ(timers.pop_due(at(10))->owner, 3U);
  EXPECT_FALSE(timers.pop_due(at(19)));
  EXPECT_TRUE(timers.pop_due(at(20)));
  EXPECT_EQ(timers.next(), std::nullopt);
}

TEST(TimerQueue, NeverArmsNothing) {
  TimerQueue timers;
  EXPECT_FALSE(timers.arm(never, Timer::queue_deadline, 1));
  EXPECT_EQ(timers.size(), 0U);
}

TEST(TimerQueue, AHandleOutlivesItsTimerHarmlessly) {
  TimerQueue timers;
  TimerHandle stale = timers.arm(at(1), Timer::queue_deadline, 1);
  ASSERT_TRUE(timers.pop_due(at(1)));
  TimerHandle fresh = timers.arm(at(2), Timer::queue_deadline, 2);  // takes the same node
  EXPECT_FALSE(timers.is_armed(stale));
  EXPECT_FALSE(timers.cancel(stale));
  EXPECT_TRUE(timers.is_armed(fresh));
  EXPECT_TRUE(timers.cancel(fresh));
  EXPECT_FALSE(fresh);
  EXPECT_EQ(timers.size(), 0U);
}

// A naive oracle: a list that is searched.
struct Armed {
  Instant at{};
  std::uint32_t owner = 0;
  TimerHandle handle;
};

RC_GTEST_PROP(TimerQueueModel, AgreesWithASearchedList, ()) {
  TimerQueue timers;
  std::vector<Armed> list;  // in order of arming
  std::vector<TimerHandle> stale;
  const auto steps = *rc::gen::container<std::vector<std::pair<int, int>>>(
      rc::gen::pair(rc::gen::inRange(0, 8), rc::gen::inRange(0, 30)));
  std::uint32_t owner = 0;
  for (const auto& [what, number] : steps) {
    const auto n = static_cast<std::size_t>(number);
    if (what < 4) {
      ++owner;
      const TimerHandle handle = timers.arm(at(number), Timer::certificate, owner);
      list.push_back({at(number), owner, handle});
    } else if (what == 4 && !list.empty()) {
      const auto victim = list.begin() + static_cast<std::ptrdiff_t>(n % list.size());
      stale.push_back(victim->handle);
      RC_ASSERT(timers.cancel(victim->handle));
      list.erase(victim);
    } else if (what == 5 && !stale.empty()) {
      TimerHandle old = stale[n % stale.size()];
      RC_ASSERT(!timers.cancel(old));
    } else if (what > 5) {
      while (const auto due = timers.pop_due(at(number))) {
        const auto first = std::min_element(
            list.begin(), list.end(), [](const Armed& a, const Armed& b) { return a.at < b.at; });
        RC_ASSERT(first != list.end() && first->at <= at(number));
        RC_ASSERT(due->owner == first->owner && due->at == first->at);
        stale.push_back(first->handle);
        list.erase(first);
      }
    }
    RC_ASSERT(timers.size() == list.size());
    const auto first = std::min_element(list.begin(), list.end(),
                                        [](const Armed& a, const Armed& b) { return a.at < b.at; });
    RC_ASSERT(timers.next() ==
              (first == list.end() ? std::nullopt : std::optional<Instant>(first->at)));
    for (const Armed& armed : list) RC_ASSERT(timers.is_armed(armed.handle));
  }
}

}  // namespace
}  // namespace ordeal::pool::core
