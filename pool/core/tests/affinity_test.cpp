// The table of bindings against a naive one: a list that is searched from end to end.
#include "pool/core/affinity.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>
#include <map>

#include "pool/core/tests/core_stage.hpp"

namespace ordeal::pool::core {
namespace {

constexpr Instant start{1s};
constexpr WorkerId one{0, 1};
constexpr WorkerId two{1, 2};

// A request of the session that is served by `worker` at once.
AffinityOutcome use(Affinity& table, std::uint32_t session, WorkerId worker, Instant now) {
  table.enter(session);
  const AffinityOutcome outcome = table.bind(session, worker).outcome;
  EXPECT_TRUE(table.leave(session, now)) << "it is bound";
  return outcome;
}

TEST(Affinity, ABindingLivesForItsTimeoutAndNoLonger) {
  cites(27);
  Affinity table(100ms, 10);
  EXPECT_EQ(use(table, 3, one, start), AffinityOutcome::bound);
  EXPECT_FALSE(table.pop_expired(start + 100ms - 1ns));
  EXPECT_EQ(table.bound_to(3), one);
  EXPECT_EQ(table.next_expiry(), start + 100ms);
  const auto expired = table.pop_expired(start + 100ms);
  ASSERT_TRUE(expired);
  EXPECT_EQ(expired->session, 3U);
  EXPECT_EQ(expired->worker, one);
  EXPECT_FALSE(table.is_known(3));
  EXPECT_FALSE(table.pop_expired(start + 1h)) << "once, then absent";
  EXPECT_EQ(use(table, 3, two, start), AffinityOutcome::bound) << "as if it had never been";
}

TEST(Affinity, UseMakesABindingYoungAndOneInUseDoesNotAge) {
  cites(28);
  Affinity table(100ms, 10);
  use(table, 0, one, start);
  EXPECT_EQ(use(table, 0, one, start + 99ms), AffinityOutcome::hit);
  EXPECT_FALSE(table.pop_expired(start + 150ms));
  table.enter(0);
  EXPECT_FALSE(table.pop_expired(start + 1h));
  EXPECT_TRUE(table.leave(0, start + 1h));
  EXPECT_EQ(table.next_expiry(), start + 1h + 100ms);
}

TEST(Affinity, AWorkersEndEndsItsBindingsAndNoOthers) {
  cites(26);
  Affinity table(100ms, 10);
  for (const std::uint32_t session : {0U, 1U, 2U}) use(table, session, one, start);
  use(table, 3, two, start);
  EXPECT_EQ(table.lose(one), 3U);
  EXPECT_EQ(table.lose(one), 0U);
  EXPECT_EQ(table.bindings(), 1U);
  EXPECT_EQ(table.bound_to(3), two);
  table.enter(1);
  const Affinity::Bound again = table.bind(1, two);
  EXPECT_EQ(again.outcome, AffinityOutcome::rebound);
  EXPECT_EQ(again.before, one);
  EXPECT_EQ(table.bind(1, two).outcome, AffinityOutcome::hit) << "once";
}

TEST(Affinity, OfTooManyTheOneUnusedForLongestIsForgotten) {
  Affinity table(1h, 2);
  use(table, 0, one, start);
  use(table, 1, one, start);
  use(table, 0, one, start);
  EXPECT_FALSE(table.pop_excess());
  use(table, 2, one, start);
  ASSERT_EQ(table.pop_excess()->session, 1U);
  EXPECT_FALSE(table.pop_excess());
  table.enter(0);
  table.enter(2);
  use(table, 3, one, start);
  EXPECT_EQ(table.pop_excess()->session, 3U) << "who is in use stays";
}

// A session in the naive table.
struct Naive {
  std::uint32_t users = 0;
  bool known = false;
  WorkerId worker;  // serial 0: gone
  Instant used_at{};
  std::uint64_t use = 0;
};

RC_GTEST_PROP(AffinityModel, AgreesWithAListThatIsSearched, ()) {
  for (const int invariant : {25, 26, 27, 28, 29}) cites(invariant);
  constexpr Duration timeout = 50ms;
  constexpr std::uint32_t known_max = 4;
  Affinity table(timeout, known_max);
  std::map<std::uint32_t, Naive> naive;
  std::array<WorkerId, 3> workers{WorkerId{0, 1}, WorkerId{1, 2}, WorkerId{2, 3}};
  std::uint64_t serial = 3;
  std::uint64_t uses = 0;
  Instant now = start;
  const auto oldest = [&]() -> std::pair<const std::uint32_t, Naive>* {
    std::pair<const std::uint32_t, Naive>* found = nullptr;
    for (auto& entry : naive) {
      if (!entry.second.known || entry.second.users > 0) continue;
      if (found == nullptr || entry.second.use < found->second.use) found = &entry;
    }
    return found;
  };
  const auto steps = *rc::gen::container<std::vector<std::array<std::uint32_t, 3>>>(
      rc::gen::container<std::array<std::uint32_t, 3>>(rc::gen::inRange(0U, 240U)));
  for (const auto& [what, a, b] : steps) {
    const std::uint32_t session = a % 8;
    Naive& n = naive[session];
    WorkerId& worker = workers[b % workers.size()];
    switch (what % 6) {
      case 0:
        table.enter(session);
        ++n.users;
        break;
      case 1:
        if (n.users == 0) break;
        --n.users;
        RC_ASSERT(table.leave(session, now) == (n.known || n.users > 0));
        n.used_at = now;
        n.use = ++uses;
        break;
      case 2: {
        if (n.users == 0) break;
        const Affinity::Bound bound = table.bind(session, worker);
        RC_ASSERT(bound.outcome == (n.known && n.worker == worker ? AffinityOutcome::hit
                                    : n.known                     ? AffinityOutcome::rebound
                                                                  : AffinityOutcome::bound));
        n.known = true;
        n.worker = worker;
        break;
      }
      case 3: {
        std::uint32_t count = 0;
        for (auto& [number, other] : naive) {
          if (!other.known || other.worker != worker) continue;
          other.worker = {};
          ++count;
        }
        RC_ASSERT(table.lose(worker) == count);
        worker.serial = ++serial;  // another takes its place
        break;
      }
      case 4: {
        now += Duration{1ms} * (b % 40);
        while (const auto expired = table.pop_expired(now)) {
          auto* due = oldest();
          RC_ASSERT(due != nullptr && due->first == expired->session);
          RC_ASSERT(now - due->second.used_at >= timeout);
          RC_ASSERT(due->second.worker == expired->worker);
          due->second = {};
        }
        if (auto* next = oldest()) RC_ASSERT(now - next->second.used_at < timeout);
        break;
      }
      default:
        while (const auto excess = table.pop_excess()) {
          auto* due = oldest();
          RC_ASSERT(due != nullptr && due->first == excess->session);
          due->second = {};
        }
        RC_ASSERT(oldest() == nullptr ||
                  std::count_if(naive.begin(), naive.end(),
                                [](const auto& e) { return e.second.known; }) <= known_max);
    }
    RC_ASSERT(table.broken_invariant() == nullptr);
    std::uint32_t bound = 0;
    for (const auto& [number, other] : naive) {
      RC_ASSERT(table.bound_to(number) == other.worker);
      RC_ASSERT(table.is_known(number) == (other.known || other.users > 0));
      bound += static_cast<bool>(other.worker);
    }
    RC_ASSERT(table.bindings() == bound);
    std::uint32_t sum = 0;
    for (const WorkerId& w : workers) sum += table.bindings_of(w);
    RC_ASSERT(sum == bound);
  }
}

}  // namespace
}  // namespace ordeal::pool::core
