// Each part of the core goes as its naive model does, and each walk is the same again.
#include "testing/model/walks/walk.hpp"

#include <gtest/gtest.h>

#include "testing/cites/cites.hpp"

namespace ordeal::trial {
namespace {

TEST(Walks, EachPartGoesAsItsModelDoes) {
  cites(18);
  cites(19);
  cites(20);
  cites(21);
  cites(22);
  cites(31);
  cites(32);
  cites(33);
  cites(44);
  cites_bug_class(15);
  cites_property(21);
  for (std::uint64_t seed = 1; seed <= 20; ++seed) EXPECT_EQ(walk_parts(seed, 500), "");
}

TEST(Walks, TheSameSeedIsTheSameWalk) {
  for (const PartWalk& walk : part_walks()) {
    pool::core::Random one{7};
    pool::core::Random other{7};
    EXPECT_EQ(walk.walk(one, 300), walk.walk(other, 300)) << walk.part;
    EXPECT_EQ(one.next(), other.next()) << walk.part;
  }
}

}  // namespace
}  // namespace ordeal::trial
