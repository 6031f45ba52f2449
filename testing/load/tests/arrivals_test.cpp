// Schedules as data: how many arrivals, where, and what a planned load draws besides.
#include "testing/load/arrivals.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "testing/cites/cites.hpp"
#include "testing/load/planned_load.hpp"

namespace ordeal::trial {
namespace {

using namespace std::chrono_literals;
using Kind = Spacing::Kind;

std::int64_t between(const std::vector<Duration>& due, Duration from, Duration to) {
  return std::count_if(due.begin(), due.end(), [=](Duration at) { return at >= from && at < to; });
}

TEST(Arrivals, a_steady_rate_makes_exactly_its_calls_evenly) {
  const auto due = all_arrivals(steady(Rate::per_second(100), 2s), {}, 0);
  ASSERT_EQ(due.size(), 200u);
  EXPECT_EQ(due.front(), 5ms);
  for (std::size_t i = 1; i < due.size(); ++i) EXPECT_EQ(due[i] - due[i - 1], 10ms);
}

TEST(Arrivals, a_rate_below_one_a_second_is_one) {
  EXPECT_EQ(all_arrivals(steady({.per_kilosecond = 500}, 10s), {}, 0),
            (std::vector<Duration>{1s, 3s, 5s, 7s, 9s}));
}

TEST(Arrivals, a_ramp_is_three_times_as_dense_in_its_second_half) {
  const auto due = all_arrivals(ramp(Rate::per_second(0), Rate::per_second(200), 10s), {}, 0);
  EXPECT_EQ(due.size(), 1000u);
  EXPECT_EQ(between(due, 0s, 5s), 250);
  EXPECT_EQ(between(due, 5s, 10s), 750);
}

TEST(Arrivals, a_ramp_down_ends_in_nothing) {
  const auto due = all_arrivals(ramp(Rate::per_second(200), Rate::per_second(0), 10s), {}, 0);
  EXPECT_EQ(between(due, 0s, 5s), 750);
  EXPECT_EQ(due.size(), 1000u);
}

TEST(Arrivals, a_spike_is_the_middle_sixth) {
  const auto due = all_arrivals(spike(Rate::per_second(5), Rate::per_second(100), 60s), {}, 0);
  EXPECT_EQ(between(due, 25s, 35s), 1000);
  EXPECT_EQ(due.size(), 1250u);
}

TEST(Arrivals, bursts_come_at_the_start_of_each_period_and_the_last_is_cut) {
  const auto due =
      all_arrivals(bursts(Rate::per_second(2), Rate::per_second(50), 10s, 1s, 20'500ms), {}, 0);
  EXPECT_EQ(between(due, 0s, 1s), 50);
  EXPECT_EQ(between(due, 10s, 11s), 50);
  EXPECT_EQ(due.size(), 50u + 18 + 50 + 18 + 25);
}

TEST(Arrivals, a_soak_swings_about_its_rate) {
  const auto due = all_arrivals(soak(Rate::per_second(100), 20s, 10s), {}, 0);
  EXPECT_EQ(due.size(), 2000u);
  EXPECT_LT(between(due, 0s, 1s), 90);
  EXPECT_GT(between(due, 4'500ms, 5'500ms), 110);
}

TEST(Arrivals, poisson_has_the_rate_and_a_deviation_as_large_as_its_mean) {
  const auto due = all_arrivals(steady(Rate::per_second(1000), 50s), {.kind = Kind::poisson}, 13);
  EXPECT_NEAR(static_cast<double>(due.size()), 50'000, 700);
  double squares = 0;
  for (std::size_t i = 1; i < due.size(); ++i) {
    const double gap = std::chrono::duration<double, std::milli>(due[i] - due[i - 1]).count();
    squares += (gap - 1) * (gap - 1);
  }
  EXPECT_NEAR(squares / static_cast<double>(due.size()), 1, 0.05);
}

TEST(Arrivals, poisson_under_a_ramp_follows_the_ramp) {
  const auto due = all_arrivals(ramp(Rate::per_second(0), Rate::per_second(2000), 10s),
                                {.kind = Kind::poisson}, 17);
  EXPECT_NEAR(static_cast<double>(between(due, 0s, 5s)), 2500, 160);
  EXPECT_NEAR(static_cast<double>(between(due, 5s, 10s)), 7500, 300);
  EXPECT_TRUE(std::is_sorted(due.begin(), due.end()));
}

TEST(Arrivals, a_clump_is_due_at_once_and_the_rate_stays) {
  const auto due = all_arrivals(steady(Rate::per_second(100), 1s), {.clump = 10}, 0);
  ASSERT_EQ(due.size(), 100u);
  for (std::size_t i = 0; i < due.size(); ++i) EXPECT_EQ(due[i], due[i / 10 * 10]);
  EXPECT_EQ(due[10] - due[0], 100ms);
}

TEST(Arrivals, nothing_is_due_where_the_rate_is_zero) {
  RateProfile profile = steady({}, 5s);
  profile.push_back({.length = 1s, .from = Rate::per_second(10), .to = Rate::per_second(10)});
  const auto due = all_arrivals(profile, {}, 0);
  EXPECT_EQ(between(due, 0s, 5s), 0);
  EXPECT_EQ(due.size(), 10u);
}

TEST(Arrivals, a_day_at_a_high_rate_does_not_overflow) {
  Arrivals arrivals{ramp(Rate::per_second(10'000'000), Rate::per_second(0), 1'000'000s), {}, 0};
  Duration last{-1};
  for (int i = 0; i < 1000; ++i) {
    const auto due = arrivals.next();
    ASSERT_TRUE(due);
    EXPECT_GT(*due, last);
    last = *due;
  }
  EXPECT_LT(last, 101us);
}

LoadShape shape() {
  return {.rate = steady(Rate::per_second(1000), 5s),
          .spacing = {.kind = Kind::poisson},
          .service = {.shape = ServiceTime::Shape::exponential, .typical = 2ms},
          .sessions = 3000,
          .sessionless_percent = 30,
          .payload_bytes_min = 16,
          .payload_bytes_max = 1 << 20};
}

std::vector<PlannedCall> all_calls(const LoadShape& of, std::uint64_t seed) {
  PlannedLoad load{of, seed};
  std::vector<PlannedCall> calls;
  while (const auto call = load.next()) calls.push_back(*call);
  return calls;
}

TEST(PlannedLoad, is_the_same_for_the_same_seed_and_another_for_another) {
  cites(51);
  EXPECT_EQ(all_calls(shape(), 1), all_calls(shape(), 1));
  EXPECT_NE(all_calls(shape(), 1), all_calls(shape(), 2));
}

TEST(PlannedLoad, one_dimension_changed_leaves_the_others) {
  LoadShape larger = shape();
  larger.payload_bytes_max = 1 << 24;
  const auto before = all_calls(shape(), 1);
  const auto after = all_calls(larger, 1);
  ASSERT_EQ(before.size(), after.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(before[i].due, after[i].due);
    EXPECT_EQ(before[i].service, after[i].service);
    EXPECT_EQ(before[i].session, after[i].session);
  }
}

TEST(PlannedLoad, mixes_sessions_and_spreads_sizes_over_their_doublings) {
  const auto calls = all_calls(shape(), 1);
  std::vector<int> doublings(21);
  int without = 0;
  for (const PlannedCall& call : calls) {
    without += call.session ? 0 : 1;
    ASSERT_GE(call.payload_bytes, 16u);
    ASSERT_LE(call.payload_bytes, 1u << 20);
    ++doublings[static_cast<std::size_t>(std::bit_width(call.payload_bytes) - 1)];
  }
  EXPECT_NEAR(without / static_cast<double>(calls.size()), 0.3, 0.03);
  for (std::size_t i = 4; i <= 20; ++i) EXPECT_GT(doublings[i], 200) << "2^" << i;
}

}  // namespace
}  // namespace ordeal::trial
