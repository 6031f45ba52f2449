// Sinks that are there from the beginning: they miss nothing of a pool's life.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

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
