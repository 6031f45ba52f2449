// The checker against the definition: all orders of a short history, tried one by one.
#include "testing/history/linearizability.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "pool/core/random.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::trial {
namespace {

using ::testing::HasSubstr;

// A register: "w5" writes, "r" reads.
SequentialModel register_model() {
  return {.initial = "0",
          .step = [](const std::string& state, const Operation& o) -> std::optional<std::string> {
            if (o.input == "r") return o.output == state ? std::optional{state} : std::nullopt;
            return o.input.substr(1);
          },
          .step_unknown =
              [](const std::string& state, const Operation& o) {
                return std::vector<std::string>{o.input == "r" ? state : o.input.substr(1)};
              }};
}

Operation op(std::uint32_t client, std::string input, std::string output, std::uint64_t called,
             std::uint64_t returned, std::string key = "x") {
  return {.client = client,
          .key = std::move(key),
          .input = std::move(input),
          .output = std::move(output),
          .called = called,
          .returned = returned};
}

// By the definition.
bool is_linearizable(std::vector<Operation> history, const SequentialModel& model) {
  std::vector<std::size_t> order(history.size());
  std::iota(order.begin(), order.end(), 0);
  do {
    bool fits = true;
    for (std::size_t i = 0; i < order.size(); ++i) {
      for (std::size_t j = i + 1; j < order.size(); ++j) {
        const Operation& earlier = history[order[i]];
        const Operation& later = history[order[j]];
        fits &= later.returned == 0 || later.returned > earlier.called;
      }
    }
    std::optional<std::string> state = model.initial;
    for (std::size_t i = 0; fits && i < order.size(); ++i) {
      state = model.step(*state, history[order[i]]);
      fits = state.has_value();
    }
    if (fits) return true;
  } while (std::next_permutation(order.begin(), order.end()));
  return false;
}

TEST(Linearizability, TakesWhatSomeOrderExplains) {
  EXPECT_TRUE(linearize({}, register_model()).holds);
  EXPECT_TRUE(linearize({op(1, "w1", "", 1, 4), op(2, "r", "1", 2, 3)}, register_model()).holds);
  EXPECT_TRUE(linearize({op(1, "w1", "", 1, 4), op(2, "r", "0", 2, 3)}, register_model()).holds);
}

TEST(Linearizability, NamesWhatNoOrderExplains) {
  cites(45);
  // Read after the write had returned, and yet the old value.
  const Linearization stale =
      linearize({op(1, "w1", "", 1, 2), op(2, "r", "0", 3, 4)}, register_model());
  EXPECT_FALSE(stale.holds);
  EXPECT_THAT(stale.explanation, HasSubstr("key x"));
  EXPECT_THAT(stale.explanation, HasSubstr("client 2: r -> 0"));
  // Two readers see two writes in different orders.
  EXPECT_FALSE(linearize({op(1, "w1", "", 1, 20), op(2, "w2", "", 2, 21), op(3, "r", "1", 3, 4),
                          op(3, "r", "2", 5, 6), op(4, "r", "2", 7, 8), op(4, "r", "1", 9, 10)},
                         register_model())
                   .holds);
}

TEST(Linearizability, LetsWhatNeverReturnedHappenAtAnyTimeOrNever) {
  const Operation lost = op(1, "w1", "", 1, 0);
  EXPECT_TRUE(
      linearize({lost, op(2, "r", "0", 2, 3), op(2, "r", "1", 4, 5)}, register_model()).holds);
  EXPECT_TRUE(linearize({lost, op(2, "r", "0", 2, 3)}, register_model()).holds);
  EXPECT_FALSE(
      linearize({lost, op(2, "r", "1", 2, 3), op(2, "r", "0", 4, 5)}, register_model()).holds);
}

TEST(Linearizability, JudgesEachKeyByItself) {
  const std::vector<Operation> both{op(1, "w1", "", 1, 2, "a"), op(2, "r", "0", 3, 4, "b")};
  EXPECT_TRUE(linearize(both, register_model()).holds);
}

TEST(Linearizability, AgreesWithTheDefinitionOnAnyShortHistory) {
  cites(45);
  std::size_t yes = 0;
  std::size_t no = 0;
  for (std::uint64_t seed = 1; seed <= 1500; ++seed) {
    pool::core::Random random(seed);
    std::vector<std::uint64_t> stamps(12);
    std::iota(stamps.begin(), stamps.end(), 1);
    for (std::size_t i = stamps.size() - 1; i > 0; --i) {
      std::swap(stamps[i], stamps[random.below(i + 1)]);
    }
    std::vector<Operation> history;
    for (std::size_t i = 0; i < 6; ++i) {
      const auto [from, to] = std::minmax(stamps[2 * i], stamps[2 * i + 1]);
      const std::string value = std::to_string(random.below(3));
      const bool reads = random.chance(1, 2);
      history.push_back(op(static_cast<std::uint32_t>(i), reads ? "r" : "w" + value,
                           reads ? value : "", from, to));
    }
    const bool expected = is_linearizable(history, register_model());
    ++(expected ? yes : no);
    ASSERT_EQ(linearize(history, register_model()).holds, expected) << "seed " << seed;
  }
  EXPECT_GT(yes, 100U);
  EXPECT_GT(no, 100U);
}

TEST(Linearizability, SaysWhenItGivesUp) {
  std::vector<Operation> history;
  for (std::uint64_t i = 0; i < 30; ++i) {
    history.push_back(
        op(static_cast<std::uint32_t>(i), "w" + std::to_string(i), "", 1 + i, 100 + i));
  }
  history.push_back(op(99, "r", "none of these", 50, 300));
  const Linearization given_up = linearize(history, register_model(), 1000);
  EXPECT_TRUE(given_up.gave_up);
  EXPECT_FALSE(given_up.holds);
}

}  // namespace
}  // namespace ordeal::trial
