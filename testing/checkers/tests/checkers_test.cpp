// Each checker passes a good history and is seen to fail on a made-up bad one.
#include "testing/checkers/checkers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/cites/cites.hpp"

namespace ordeal::trial {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

CallRecord call(std::uint64_t number, Outcome outcome) {
  CallRecord record;
  record.nonce = {0, number};
  record.outcome = outcome;
  record.worker = 3;
  if (outcome == Outcome::ok) record.echoed = record.nonce;
  return record;
}

CallRecord struck_call(std::uint64_t number, int pid, std::uint64_t request_in_hand) {
  CallRecord record = call(number, Outcome::indeterminate);
  record.code = "worker_died";
  record.message = "worker 3 died";
  record.death = DeathSeen{.pid = pid, .worker = 3, .request_in_hand = request_in_hand};
  return record;
}

History good_history() {
  History history;
  for (std::uint64_t number = 1; number <= 20; ++number) {
    history.calls.push_back(call(number, Outcome::ok));
  }
  history.sent = history.calls.size();
  return history;
}

TEST(ConservationChecker, passes_when_the_sum_adds_up) {
  History history = good_history();
  history.calls[0].outcome = Outcome::failed;
  history.calls[1].outcome = Outcome::indeterminate;
  EXPECT_TRUE(ConservationChecker{}.check(history).passed());
}

TEST(ConservationChecker, fails_when_a_call_has_no_record) {
  History history = good_history();
  ++history.sent;
  EXPECT_THAT(ConservationChecker{}.check(history).evidence(),
              ElementsAre("21 calls were sent, but 20 ok + 0 failed + 0 indeterminate + 0 lost "
                          "= 20"));
}

TEST(ConservationChecker, fails_when_a_call_is_still_pending) {
  History history = good_history();
  history.calls[4].outcome = Outcome::pending;
  EXPECT_EQ(ConservationChecker{}.check(history).kind(), Verdict::Kind::fail);
}

TEST(ConservationChecker, fails_when_a_call_is_lost) {
  cites(50, 53);
  History history = good_history();
  history.calls[4].outcome = Outcome::lost;
  const Verdict verdict = ConservationChecker{}.check(history);
  EXPECT_EQ(verdict.kind(), Verdict::Kind::fail);
  EXPECT_THAT(verdict.evidence(), ElementsAre(HasSubstr("no outcome by its deadline + 100 ms")));
}

TEST(ConservationChecker, knows_nothing_of_an_empty_history) {
  EXPECT_EQ(ConservationChecker{}.check({}).kind(), Verdict::Kind::unknown);
}

TEST(MixUpChecker, names_both_calls_of_a_swap) {
  cites(11, 50);
  cites_bug_class(2);
  History history = good_history();
  EXPECT_TRUE(MixUpChecker{}.check(history).passed());
  std::swap(history.calls[0].echoed, history.calls[1].echoed);
  const Verdict verdict = MixUpChecker{}.check(history);
  EXPECT_EQ(verdict.kind(), Verdict::Kind::fail);
  EXPECT_THAT(verdict.evidence(),
              ElementsAre(HasSubstr("1 of caller 0 (worker 3) got the reply of call"),
                          HasSubstr("2 of caller 0 (worker 3) got the reply of call")));
  EXPECT_EQ(count_mixed_up(history), 2u);
}

TEST(MixUpChecker, fails_on_a_reply_without_nonce_or_with_nobodys) {
  History history = good_history();
  history.calls[0].echoed.reset();
  history.calls[1].echoed = Nonce{9, 9};
  EXPECT_THAT(MixUpChecker{}.check(history).evidence(),
              ElementsAre(HasSubstr("without a nonce"), HasSubstr("nobody")));
}

TEST(MixUpChecker, knows_nothing_without_ok_replies) {
  History history;
  history.calls.push_back(call(1, Outcome::failed));
  EXPECT_EQ(MixUpChecker{}.check(history).kind(), Verdict::Kind::unknown);
}

TEST(CasualtyChecker, one_casualty_for_each_kill_that_struck) {
  History history = good_history();
  history.calls.push_back(struck_call(21, 700, 5));
  const std::vector<Kill> kills{{.pid = 700, .worker = 3}, {.pid = 701, .worker = 4}};
  EXPECT_TRUE(CasualtyChecker{}.check(history, kills).passed());
  EXPECT_TRUE(struck(kills[0], history));
  EXPECT_FALSE(struck(kills[1], history));
}

TEST(CasualtyChecker, two_casualties_of_one_kill_are_one_too_many) {
  cites(50);
  cites_bug_class(3);
  History history = good_history();
  history.calls.push_back(struck_call(21, 700, 5));
  history.calls.push_back(struck_call(22, 700, 5));
  EXPECT_FALSE(CasualtyChecker{}.check(history, {{.pid = 700, .worker = 3}}).passed());
}

TEST(CasualtyChecker, a_failure_without_cause_is_named) {
  History history = good_history();
  history.calls.push_back(struck_call(21, 700, 0));
  EXPECT_THAT(CasualtyChecker{}.check(history, {{.pid = 700, .worker = 3}}).evidence(),
              ElementsAre("1 calls failed or are indeterminate, but only 0 kills struck a request "
                          "in hand",
                          HasSubstr("(worker 3, worker_died): worker 3 died")));
}

TEST(CasualtyChecker, a_reused_pid_of_another_worker_explains_nothing) {
  History history = good_history();
  history.calls.push_back(struck_call(21, 700, 5));
  EXPECT_FALSE(CasualtyChecker{}.check(history, {{.pid = 700, .worker = 8}}).passed());
}

TEST(CasualtyChecker, knows_nothing_without_kills) {
  EXPECT_EQ(CasualtyChecker{}.check(good_history(), {}).kind(), Verdict::Kind::unknown);
}

TEST(ServiceChecker, fails_below_the_share_and_not_at_it) {
  History history = good_history();
  history.calls[0].outcome = Outcome::failed;
  history.calls[1].outcome = Outcome::failed;
  EXPECT_TRUE(ServiceChecker{}.check(history).passed());
  history.calls[2].outcome = Outcome::failed;
  EXPECT_THAT(ServiceChecker{}.check(history).evidence(),
              ElementsAre("only 17 of 20 calls ended ok, at least 90 % must"));
}

TEST(Verdict, the_worse_one_wins_and_equals_are_merged) {
  Verdict verdict = Verdict::pass();
  verdict.add(Verdict::unknown("dark"));
  EXPECT_EQ(verdict.kind(), Verdict::Kind::unknown);
  verdict.add(Verdict::fail({"one"}));
  verdict.add(Verdict::fail({"two"}));
  verdict.add(Verdict::unknown("darker"));
  EXPECT_THAT(verdict.evidence(), ElementsAre("one", "two"));
}

}  // namespace
}  // namespace ordeal::trial
