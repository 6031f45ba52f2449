// When a warm-up is over.
#include "testing/load/steadiness.hpp"

#include <gtest/gtest.h>

namespace ordeal::trial {
namespace {

const Steadiness::Options options{.window = 6, .tolerance_percent = 10, .blocks_max = 60};

TEST(Steadiness, a_constant_measure_is_steady_after_one_window) {
  Steadiness steadiness{options};
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(steadiness.add(100));
  EXPECT_TRUE(steadiness.add(100));
  EXPECT_TRUE(steadiness.steady());
}

TEST(Steadiness, waits_for_a_falling_measure_to_come_to_rest) {
  Steadiness steadiness{options};
  double measure = 1000;
  while (!steadiness.add(measure)) measure = 100 + (measure - 100) * 0.7;
  EXPECT_TRUE(steadiness.steady());
  EXPECT_LT(measure, 115);
}

TEST(Steadiness, forgives_one_straggler_but_not_two_modes) {
  Steadiness one{options};
  for (const double measure : {100, 101, 300, 99, 100}) EXPECT_FALSE(one.add(measure));
  EXPECT_TRUE(one.add(101));
  Steadiness two{options};
  for (int i = 0; i < 59; ++i) EXPECT_FALSE(two.add(i % 2 == 0 ? 11 : 90)) << i;
}

TEST(Steadiness, a_slow_drift_inside_the_tolerance_is_no_rest) {
  Steadiness steadiness{options};
  double measure = 100;
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(steadiness.add(measure)) << i;
    measure *= 0.97;
  }
}

TEST(Steadiness, ends_unsteady_after_the_bound) {
  Steadiness steadiness{options};
  for (int i = 0; i < 59; ++i) ASSERT_FALSE(steadiness.add(i % 2 == 0 ? 10 : 90));
  EXPECT_TRUE(steadiness.add(90));
  EXPECT_FALSE(steadiness.steady());
  EXPECT_EQ(steadiness.blocks(), 60u);
}

}  // namespace
}  // namespace ordeal::trial
