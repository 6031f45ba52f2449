// Targets are rules that a status resolves; only workers that serve are chosen.
#include "chaos/faults/target.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/cites/cites.hpp"

namespace ordeal::chaos {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

pool::WorkerStatus worker(std::uint64_t number, std::string_view state, int age_ms,
                          int in_state_ms) {
  pool::WorkerStatus status;
  status.worker = number;
  status.pid = 1000 + static_cast<int>(number);
  status.state = state;
  status.age = milliseconds{age_ms};
  status.in_state = milliseconds{in_state_ms};
  return status;
}

pool::Status status() {
  pool::Status status;
  status.workers = {worker(1, "busy", 500, 20), worker(2, "ready", 900, 50),
                    worker(3, "busy", 300, 40), worker(4, "initializing", 5, 5),
                    worker(5, "terminating", 999, 99)};
  return status;
}

std::vector<std::uint64_t> chosen(std::string_view target, std::uint64_t seed = 1) {
  pool::core::Random random{seed};
  std::vector<std::uint64_t> numbers;
  for (const WorkerId& id : choose(*parse_target(target), status(), random)) {
    EXPECT_EQ(id.pid, 1000 + static_cast<int>(id.worker));
    numbers.push_back(id.worker);
  }
  return numbers;
}

TEST(Target, rules_choose_what_they_say) {
  EXPECT_THAT(chosen("busiest"), ElementsAre(3));
  EXPECT_THAT(chosen("oldest"), ElementsAre(2));
  EXPECT_THAT(chosen("idle"), ElementsAre(2));
  EXPECT_THAT(chosen("all"), UnorderedElementsAre(1, 2, 3));
  EXPECT_THAT(chosen("one"), SizeIs(1));
  EXPECT_THAT(chosen("random:2"), SizeIs(2));
  EXPECT_THAT(chosen("random:9"), UnorderedElementsAre(1, 2, 3));
}

TEST(Target, random_choices_come_from_the_seed_and_reach_everyone) {
  cites(51);
  std::array<int, 4> hits{};
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    EXPECT_EQ(chosen("one", seed), chosen("one", seed));
    ++hits[chosen("one", seed).front()];
  }
  EXPECT_GT(hits[1], 0);
  EXPECT_GT(hits[2], 0);
  EXPECT_GT(hits[3], 0);
}

TEST(Target, nobody_serves_nobody_is_chosen) {
  pool::core::Random random{1};
  for (const std::string_view text : {"one", "random:3", "busiest", "oldest", "idle", "all"}) {
    EXPECT_THAT(choose(*parse_target(text), {}, random), IsEmpty()) << text;
  }
}

TEST(Target, text_goes_both_ways_and_nonsense_is_refused) {
  for (const std::string_view text : {"one", "random:3", "busiest", "oldest", "idle", "all"}) {
    EXPECT_EQ(to_string(*parse_target(text)), text);
  }
  for (const std::string_view text : {"", "two", "random", "random:", "random:0", "random:1025",
                                      "random:-1", "random:2x", "one:2", "all:"}) {
    EXPECT_FALSE(parse_target(text)) << text;
  }
}

}  // namespace
}  // namespace ordeal::chaos
