// What a load is drawn from: the right distributions, the same everywhere.
#include "testing/load/draws.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace ordeal::trial {
namespace {

using namespace std::chrono_literals;

constexpr int draws = 100'000;
constexpr double one = 4294967296.0;

TEST(Exponential, has_mean_one_and_forgets_its_past) {
  Random random{1};
  double sum = 0;
  int beyond_one = 0;
  int beyond_two = 0;
  for (int i = 0; i < draws; ++i) {
    const double value = static_cast<double>(draw_exponential(random)) / one;
    sum += value;
    beyond_one += value > 1 ? 1 : 0;
    beyond_two += value > 2 ? 1 : 0;
  }
  EXPECT_NEAR(sum / draws, 1, 0.02);
  EXPECT_NEAR(static_cast<double>(beyond_one) / draws, std::exp(-1), 0.01);
  EXPECT_NEAR(static_cast<double>(beyond_two) / draws, std::exp(-2), 0.01);
}

TEST(Exponential, is_the_same_on_every_machine) {
  Random random{42};
  EXPECT_EQ(draw_exponential(random), 360'188'718u);
  EXPECT_EQ(draw_exponential(random), 2'920'764'210u);
}

TEST(Power, is_the_librarys_within_rounding) {
  for (const double base : {1.0, 2.0, 10.0, 1234.0}) {
    for (const std::uint32_t percent : {0U, 25U, 80U, 99U, 100U, 150U, 200U}) {
      EXPECT_NEAR(power(base, percent) / std::pow(base, percent / 100.0), 1, 1e-7)
          << base << "^" << percent << " %";
    }
  }
}

TEST(ServiceTimes, each_halving_of_a_heavy_tail_is_longer_by_the_growth) {
  const ServiceTime service{
      .shape = ServiceTime::Shape::heavy_tail, .typical = 1ms, .growth_percent = 100, .max = 10s};
  Random random{3};
  int beyond_2 = 0;
  int beyond_8 = 0;
  Duration least = 1h;
  for (int i = 0; i < draws; ++i) {
    const Duration drawn = draw_service_time(service, random);
    least = std::min(least, drawn);
    beyond_2 += drawn >= 2ms ? 1 : 0;
    beyond_8 += drawn >= 8ms ? 1 : 0;
  }
  EXPECT_GE(least, 1ms);
  EXPECT_NEAR(static_cast<double>(beyond_2) / draws, 1.0 / 2, 0.01);
  EXPECT_NEAR(static_cast<double>(beyond_8) / draws, 1.0 / 8, 0.01);
}

TEST(ServiceTimes, never_exceed_their_maximum) {
  for (const auto shape : {ServiceTime::Shape::heavy_tail, ServiceTime::Shape::exponential}) {
    const ServiceTime service{.shape = shape, .typical = 1ms, .growth_percent = 300, .max = 5ms};
    Random random{5};
    Duration longest{0};
    for (int i = 0; i < draws; ++i) longest = std::max(longest, draw_service_time(service, random));
    EXPECT_EQ(longest, 5ms);
  }
}

TEST(ServiceTimes, a_constant_draws_nothing) {
  Random random{7};
  Random untouched{7};
  EXPECT_EQ(draw_service_time({.typical = 3ms}, random), 3ms);
  EXPECT_EQ(random.next(), untouched.next());
}

TEST(Popularity, follows_zipfs_law) {
  const Popularity popularity{1000, 100};
  Random random{9};
  std::vector<int> calls(1000);
  for (int i = 0; i < draws; ++i) ++calls[popularity.draw(random)];
  double first_ten = 0;
  for (int i = 0; i < 10; ++i) first_ten += calls[static_cast<std::size_t>(i)];
  EXPECT_NEAR(first_ten / draws, 0.391, 0.01);
  EXPECT_NEAR(static_cast<double>(calls[0]) / calls[1], 2, 0.1);
}

TEST(Popularity, without_skew_is_even_and_reaches_both_ends) {
  const Popularity popularity{4, 0};
  Random random{11};
  std::vector<int> calls(4);
  for (int i = 0; i < draws; ++i) ++calls[popularity.draw(random)];
  for (const int count : calls) EXPECT_NEAR(count, draws / 4, draws / 50);
}

}  // namespace
}  // namespace ordeal::trial
