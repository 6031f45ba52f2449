// Latency counts from the schedule: a generator that is held up does not hide it.
#include "testing/load/open_loop.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <numeric>

#include "pool/runtime/clock.hpp"

namespace ordeal::trial {
namespace {

using namespace std::chrono_literals;
namespace runtime = pool::runtime;

void occupy(Duration length) {
  runtime::WakeWord nobody;
  const auto end = runtime::now() + length;
  while (runtime::now() < end) nobody.wait_until(end, nobody.ticket());
}

const MakeCall at_once = [](const PlannedCall&, std::uint32_t, TimePoint) { return CallEnd{}; };

TEST(OpenLoop, makes_every_planned_call_once_not_before_it_is_due) {
  const LoadShape shape{.rate = steady(Rate::per_second(2000), 100ms),
                        .spacing = {.kind = Spacing::Kind::poisson}};
  std::vector<std::atomic<int>> made(400);
  const auto result =
      run_open_loop(shape, 7, {.callers = 4}, [&](const PlannedCall& call, auto, auto) {
        ++made.at(call.number);
        return CallEnd{};
      });
  const auto planned = all_arrivals(shape.rate, shape.spacing, Random{7}.next()).size();
  EXPECT_EQ(result.planned, planned);
  EXPECT_EQ(result.ok, planned);
  EXPECT_EQ(std::count(made.begin(), made.end(), 1), static_cast<std::int64_t>(planned));
  EXPECT_EQ(result.response.count(), planned);
  EXPECT_EQ(result.lag.min() >= 0ns, true);
  EXPECT_EQ(std::accumulate(result.due_by_slice.begin(), result.due_by_slice.end(), 0ULL), planned);
  EXPECT_EQ(std::accumulate(result.ok_by_caller.begin(), result.ok_by_caller.end(), 0ULL), planned);
}

TEST(OpenLoop, a_stall_is_charged_to_every_call_that_was_due_meanwhile) {
  // One caller; its first call takes 60 ms, the other 59, due every ms, nothing.
  const LoadShape shape{.rate = steady(Rate::per_second(1000), 60ms)};
  const auto result =
      run_open_loop(shape, 1, {.callers = 1}, [](const PlannedCall& call, auto, auto) {
        if (call.number == 0) occupy(60ms);
        return CallEnd{};
      });
  EXPECT_EQ(result.ok, 60u);
  EXPECT_GE(result.late, 50u);
  EXPECT_GE(result.response.percentile(50'000), 25ms);  // coordinated omission would say 0
  EXPECT_LT(result.service.percentile(50'000), 25ms);
}

TEST(OpenLoop, a_call_whose_deadline_passes_before_a_caller_is_free_is_omitted_and_counts) {
  const LoadShape shape{.rate = steady(Rate::per_second(1000), 40ms)};
  const auto result = run_open_loop(shape, 1, {.callers = 1, .deadline = 10ms},
                                    [](const PlannedCall& call, auto, auto) {
                                      if (call.number == 0) occupy(80ms);
                                      return CallEnd{};
                                    });
  EXPECT_EQ(result.planned, 40u);
  EXPECT_EQ(result.omitted, 39u);
  EXPECT_EQ(result.ok, 1u);
  EXPECT_DOUBLE_EQ(result.success_rate(), 1.0 / 40);
}

TEST(OpenLoop, other_callers_take_over_while_one_is_held_up) {
  const LoadShape shape{.rate = steady(Rate::per_second(1000), 60ms)};
  std::atomic<int> others{0};
  std::atomic<bool> held{true};
  const auto result =
      run_open_loop(shape, 1, {.callers = 2}, [&](const PlannedCall& call, auto, auto) {
        if (call.number > 0) {
          if (++others == 59) held = false, held.notify_all();
        } else {
          held.wait(true);  // until all others have been made
        }
        return CallEnd{};
      });
  EXPECT_EQ(result.ok, 60u);
}

TEST(OpenLoop, errors_are_counted_by_their_code_and_add_up) {
  const LoadShape shape{.rate = steady(Rate::per_second(10'000), 9ms)};
  const auto result =
      run_open_loop(shape, 1, {.callers = 3}, [](const PlannedCall& call, auto, auto) {
        switch (call.number % 3) {
          case 0:
            return CallEnd{Outcome::failed, "queue_full"};
          case 1:
            return CallEnd{Outcome::indeterminate, "worker_died"};
          default:
            return CallEnd{};
        }
      });
  EXPECT_EQ(result.planned, 90u);
  EXPECT_EQ(result.failed, 30u);
  EXPECT_EQ(result.indeterminate, 30u);
  EXPECT_EQ(result.ok, 30u);
  EXPECT_EQ(result.errors.at("queue_full"), 30u);
  EXPECT_EQ(result.errors.at("worker_died"), 30u);
  EXPECT_EQ(result.response.count(), 30u);
}

TEST(BackToBack, makes_exactly_its_calls_among_all_callers) {
  const auto result = run_back_to_back({}, 1, {.callers = 5, .calls = 1003}, at_once);
  EXPECT_EQ(result.planned, 1003u);
  EXPECT_EQ(result.ok, 1003u);
  EXPECT_EQ(result.ok_by_caller.size(), 5u);
}

TEST(BackToBack, begins_no_call_after_its_length) {
  const auto result = run_back_to_back({}, 1, {.callers = 2, .length = 20ms}, at_once);
  EXPECT_GT(result.ok, 0u);
  EXPECT_GE(result.length, 15ms);
}

TEST(LoadResult, merges_into_sums) {
  LoadResult one{.planned = 3, .ok = 2, .failed = 1, .errors = {{"a", 1}}, .ok_by_slice = {1, 1}};
  one.response.add(1ms, 2);
  one.length = 2s;
  LoadResult two{.planned = 1, .ok = 1, .errors = {{"a", 2}, {"b", 1}}, .ok_by_slice = {0, 0, 1}};
  two.length = 1s;
  one.merge(two);
  EXPECT_EQ(one.planned, 4u);
  EXPECT_EQ(one.errors.at("a"), 3u);
  EXPECT_EQ(one.ok_by_slice, (std::vector<std::uint64_t>{1, 1, 1}));
  EXPECT_EQ(one.length, 2s);
  EXPECT_DOUBLE_EQ(one.throughput_per_s(), 1.5);
}

}  // namespace
}  // namespace ordeal::trial
