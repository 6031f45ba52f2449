#include "pool/core/outliers.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <vector>

#include "testing/cites/cites.hpp"

namespace ordeal::pool::core {
namespace {

using namespace std::chrono_literals;

Candidate worker(std::uint32_t number, std::uint32_t failures, Duration each = 10ms,
                 std::uint32_t answers = 100) {
  return {.worker = number,
          .performance = {answers, failures, each * static_cast<Duration::rep>(answers)}};
}
std::vector<std::uint32_t> numbers(const std::vector<Chosen>& chosen) {
  std::vector<std::uint32_t> all;
  for (const Chosen& c : chosen) all.push_back(c.worker);
  return all;
}

constexpr OutlierRules rules{.interval = 10s};
using List = std::vector<std::uint32_t>;

TEST(Outliers, WhoFailsFarMoreOftenThanTheOthersIsChosen) {
  cites_bug_class(15);
  const std::vector all{worker(0, 1), worker(1, 60), worker(2, 0), worker(3, 2)};
  const auto chosen = choose_outliers(all, rules);
  ASSERT_EQ(numbers(chosen), List{1});
  EXPECT_EQ(chosen[0].reason, OutlierReason::failures);
}

TEST(Outliers, WhereAllFailNobodyStandsOut) {
  cites_bug_class(15);
  EXPECT_TRUE(
      choose_outliers(std::vector{worker(0, 90), worker(1, 95), worker(2, 100)}, rules).empty());
}

TEST(Outliers, WhoIsFarSlowerThanTheOthersIsChosen) {
  cites_bug_class(15);
  const std::vector all{worker(0, 0), worker(1, 0), worker(2, 0, 30ms), worker(3, 0, 29ms)};
  OutlierRules two = rules;
  two.slow_percent = 170;
  const auto chosen = choose_outliers(all, two);
  EXPECT_EQ(numbers(chosen), (List{2, 3}));
  EXPECT_EQ(chosen[0].reason, OutlierReason::latency);
  two.slow_percent = 0;
  EXPECT_TRUE(choose_outliers(all, two).empty());
}

TEST(Outliers, FewAnswersAreNoEvidenceAndNobodyToCompareWithIsNone) {
  cites_bug_class(15);
  EXPECT_TRUE(choose_outliers(std::vector{worker(0, 0), worker(1, 19, 10ms, 19)}, rules).empty());
  EXPECT_TRUE(choose_outliers(std::vector{worker(0, 0, 10ms, 4), worker(1, 100)}, rules).empty());
  EXPECT_TRUE(choose_outliers(std::vector{worker(0, 100)}, rules).empty());
}

TEST(Outliers, TheShareIsCountedWithThoseThatAreChosen) {
  cites_bug_class(15);
  std::vector all{worker(0, 99), worker(1, 98), worker(2, 0), worker(3, 0)};
  OutlierRules quarter = rules;
  quarter.share_percent = 25;
  EXPECT_EQ(numbers(choose_outliers(all, quarter)), List{0}) << "the worst";
  all[0].out = true;
  EXPECT_TRUE(choose_outliers(all, quarter).empty());
  quarter.share_percent = 24;
  all[0].out = false;
  EXPECT_TRUE(choose_outliers(all, quarter).empty());
}

RC_GTEST_PROP(Outliers, NeverLeaveFewerThanAreToServeNorMoreOutThanTheirShare, ()) {
  cites_bug_class(15);
  OutlierRules any = rules;
  any.requests_min = *rc::gen::inRange(1U, 30U);
  any.failure_percent = *rc::gen::inRange(0U, 101U);
  any.slow_percent = *rc::gen::inRange(0U, 400U);
  any.share_percent = *rc::gen::inRange(0U, 101U);
  any.healthy_min = *rc::gen::inRange(0U, 5U);
  std::vector<Candidate> all;
  const auto drawn =
      *rc::gen::container<std::vector<std::uint32_t>>(rc::gen::arbitrary<std::uint32_t>());
  for (const std::uint32_t d : drawn) {
    const std::uint32_t answers = d % 60;
    Candidate c = worker(static_cast<std::uint32_t>(all.size()),
                         answers == 0 ? 0 : d / 60 % answers, Duration{1 + d % 100'000}, answers);
    c.out = d % 7 == 0;
    all.push_back(c);
  }
  const auto chosen = choose_outliers(all, any);
  std::size_t out = chosen.size();
  for (const Candidate& c : all) out += c.out ? 1 : 0;
  for (const Chosen& c : chosen) {
    RC_ASSERT(!all[c.worker].out);
    RC_ASSERT(all[c.worker].performance.answers >= any.requests_min);
  }
  if (chosen.empty()) return;
  RC_ASSERT(100 * out <= any.share_percent * all.size());
  RC_ASSERT(all.size() - out >= any.healthy_min);
}

TEST(Outliers, TheTimeGrowsWithEachTurnAndHasItsEnd) {
  EXPECT_EQ(time_out(rules, 1), 30s);
  EXPECT_EQ(time_out(rules, 2), 60s);
  EXPECT_EQ(time_out(rules, 10), 300s);
  EXPECT_EQ(time_out(rules, UINT32_MAX), 300s);
}

}  // namespace
}  // namespace ordeal::pool::core
