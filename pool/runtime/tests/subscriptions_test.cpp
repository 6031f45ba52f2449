// Who is told what happens, and until when.
#include <gtest/gtest.h>

#include <mutex>

#include "pool/runtime/tests/support.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool {
namespace {

TEST(Subscriptions, MayOutliveThePoolAndEndThemselvesFromTheirSink) {
  cites(48);
  Subscription outlives;
  Subscription ends_itself;
  std::atomic<int> events{0};
  std::atomic<int> after_own_end{0};
  {
    Pool pool = must_start(mock_options(1));
    outlives = pool.subscribe([&](const PoolEvent&) { events.fetch_add(1); });
    Signal assigned;
    ends_itself = pool.subscribe([&](const PoolEvent&) {
      if (!assigned.wait()) return;
      ends_itself.reset();
      after_own_end.fetch_add(1);
    });
    assigned.set();
    EXPECT_TRUE(echoes(pool));
    EXPECT_TRUE(pool.stop(patience));
    EXPECT_EQ(after_own_end.load(), 1);
    EXPECT_GE(events.load(), 3);
  }
  outlives.reset();
}

TEST(Subscriptions, DeliverNothingAfterTheirEnd) {
  Pool pool = must_start(mock_options(1));
  std::atomic<bool> alive{true};
  for (int i = 0; i < 50; ++i) {
    alive = true;
    Subscription subscription = pool.subscribe([&](const PoolEvent&) {
      EXPECT_TRUE(alive.load()) << "delivered after reset() had returned";
    });
    ASSERT_TRUE(pool.call_async("echo", JsonText{"{}"}, {}, nullptr));
    subscription.reset();
    alive = false;
  }
  expect_whole(pool);
}

TEST(Events, TellEachRequestOnceWithItsLabel) {
  cites(46);
  Pool pool = must_start(mock_options(1));
  std::mutex mutex;
  std::vector<std::string> seen;
  const Subscription subscription = pool.subscribe([&](const PoolEvent& event) {
    if (event.label != "mine") return;
    EXPECT_EQ(event.traceparent, "00-1-2-01");
    const std::lock_guard lock{mutex};
    seen.emplace_back(event.what);
  });
  EXPECT_TRUE(pool.call("echo", Json::object(), {.label = "mine", .traceparent = "00-1-2-01"}));
  EXPECT_TRUE(pool.stop(patience));
  EXPECT_EQ(seen,
            (std::vector<std::string>{"request_submitted", "request_granted", "request_resolved"}));
}

}  // namespace
}  // namespace ordeal::pool
