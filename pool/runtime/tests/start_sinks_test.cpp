// Sinks that are there from the beginning: they miss nothing of a pool's life.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <stdexcept>
#include <string>
#include <vector>

#include "ordeal/pool/session.hpp"
#include "pool/runtime/tests/support.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool {
namespace {

using ::testing::ElementsAre;

// Written by the callback thread alone, read once the pool is gone.
struct Seen {
  std::vector<std::string> what;
  [[nodiscard]] Sink sink() {
    return [this](const PoolEvent& event) { what.emplace_back(event.what); };
  }
};

// Each text gets to its own member, and none stays behind for the next event.
TEST(StartSinks, HearWhatEachRequestIsCalled) {
  std::vector<PoolEvent> granted;
  {
    Options options = recorded(mock_options(1));
    options.affinity = AffinityPolicy::strict;
    auto pool = Pool::start(options, {[&](const PoolEvent& event) {
                              if (event.what == "request_granted") granted.push_back(event);
                            }});
    ASSERT_TRUE(pool) << pool.error().message;
    Session session = pool->session("mine");
    const JsonText nothing{"{}"};
    ASSERT_TRUE(pool->call("echo", nothing));
    ASSERT_TRUE(session.call("echo", nothing, {.label = "one", .traceparent = "00-1"}));
    ASSERT_TRUE(pool->call("echo", nothing));
    ASSERT_TRUE(session.call("echo", nothing, {.label = "another"}));
  }
  ASSERT_EQ(granted.size(), 4U);
  const std::array<std::array<std::string, 3>, 4> wanted{
      {{"", "", ""}, {"mine", "one", "00-1"}, {"", "", ""}, {"mine", "another", ""}}};
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_EQ(granted[i].session, wanted[i][0]) << i;
    EXPECT_EQ(granted[i].label, wanted[i][1]) << i;
    EXPECT_EQ(granted[i].traceparent, wanted[i][2]) << i;
    EXPECT_EQ(granted[i].place, "") << i;
  }
}

TEST(StartSinks, SeeThePoolsFirstEventAndItsLast) {
  cites(46);
  Seen seen;
  {
    const auto pool = Pool::start(recorded(mock_options(1)), {seen.sink()});
    ASSERT_TRUE(pool) << pool.error().message;
  }
  // The way of one worker: started, ready, asked to stop, gone.
  EXPECT_THAT(seen.what, ElementsAre("worker_spawning", "worker_transition", "pool_stopping",
                                     "worker_transition", "worker_transition", "pool_stopped"));
}

TEST(StartSinks, SeeAStartThatFails) {
  Options options = mock_options(1, {"--start-fail", "always"});
  options.start_failures_max = 1;
  Seen seen;
  const auto pool = Pool::start(recorded(options), {seen.sink()});
  ASSERT_FALSE(pool);
  ASSERT_FALSE(seen.what.empty());
  EXPECT_EQ(seen.what.front(), "worker_spawning");
  EXPECT_EQ(std::count(seen.what.begin(), seen.what.end(), "start_circuit_opened"), 1);
  EXPECT_EQ(seen.what.back(), "pool_stopped");
}

TEST(StartSinks, ThatThrowHarmNeitherThePoolNorEachOther) {
  cites(48);
  Seen seen;
  const Sink throwing = [](const PoolEvent&) { throw std::runtime_error{"a sink's"}; };
  auto pool = Pool::start(recorded(mock_options(1)), {throwing, seen.sink()});
  ASSERT_TRUE(pool) << pool.error().message;
  EXPECT_TRUE(echoes(*pool));
  ASSERT_TRUE(pool->stop(patience));
  EXPECT_EQ(pool->status().sink_failures, seen.what.size());
  EXPECT_EQ(seen.what.front(), "worker_spawning");
}

}  // namespace
}  // namespace ordeal::pool
