// States are packed and counted without loss.
#include "testing/model/model_state.hpp"

#include <gtest/gtest.h>

#include <map>

#include "pool/core/random.hpp"

namespace ordeal::trial {
namespace {

TEST(ModelState, DimensionsDoNotOverlapAndFitIntoOneWord) {
  std::uint64_t used = 0;
  for (const ModelDimension& dimension : model_dimensions()) {
    const std::uint64_t bits = std::uint64_t{dimension.mask()} << dimension.shift;
    EXPECT_EQ(used & bits, 0U) << dimension.name;
    EXPECT_GE(dimension.mask() + std::size_t{1}, dimension.values.size()) << dimension.name;
    used |= bits;
  }
  EXPECT_LE(used, 0xFFFFFFFFU);
}

TEST(CountTable, CountsLikeAMap) {
  pool::core::Random random(1);
  std::map<std::uint64_t, std::uint64_t> naive;
  CountTable table;
  CountTable other;
  for (int i = 0; i < 5000; ++i) {
    const std::uint64_t key = random.below(700) << random.below(40);
    (i % 3 == 0 ? other : table).add(key);
    ++naive[key];
  }
  table.add(other);
  EXPECT_EQ(table.size(), naive.size());
  const auto all = table.all();
  EXPECT_TRUE(std::equal(
      all.begin(), all.end(), naive.begin(), naive.end(),
      [](const auto& a, const auto& b) { return a.first == b.first && a.second == b.second; }));
  EXPECT_EQ(table.count_of(~std::uint64_t{0}), 0U);
}

TEST(StateHistogram, CountsTransitionsBetweenStatesThatDiffer) {
  StateHistogram histogram;
  for (const ModelState state : {0U, 0U, 5U, 5U, 0U, 5U}) histogram.visit(state);
  EXPECT_EQ(histogram.states().count_of(0), 3U);
  EXPECT_EQ(histogram.states().count_of(5), 3U);
  EXPECT_EQ(histogram.transitions().count_of(5), 2U);
  EXPECT_EQ(histogram.transitions().count_of(std::uint64_t{5} << 32U), 1U);
  EXPECT_EQ(histogram.transitions().size(), 2U);
}

}  // namespace
}  // namespace ordeal::trial
