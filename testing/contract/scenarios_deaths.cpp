// Workers that die: with a request in hand, idle, behind their reply, with children.
#include "testing/contract/scenarios.hpp"

namespace ordeal::trial {
namespace {

constexpr const char* family = "death";

// A worker dies with `a` in its hand; `b` is served by another.
Scenario dies_in_hand(std::string name, std::string how, std::string code = "worker_died") {
  return {.family = family,
          .name = std::move(name),
          .tickets = {{.name = "a",
                       .acts = {act("crash", std::move(how))},
                       .expect = fails(std::move(code))},
                      {.name = "b", .expect = {.other_worker_than = "a"}}},
          .steps = {submit("a"), outcome("a"), submit("b"), outcome("b")},
          .lost = 1};
}

std::vector<Scenario> busy() {
  return {
      dies_in_hand("AnExitWithStatusThreeIsToldToItsCaller", R"({"exit_code":3})"),
      dies_in_hand("AnExitWithStatusZeroIsADeathToo", R"({"exit_code":0})"),
      dies_in_hand("ASegmentationFaultIsToldToItsCaller", R"({"signal":"SIGSEGV"})"),
      dies_in_hand("ASigtermIsToldToItsCaller", R"({"signal":"SIGTERM"})"),
      {.family = family,
       .name = "AKillFromOutsideIsToldToItsCaller",
       .tickets = {{.name = "a", .acts = {held()}, .expect = fails("worker_died")},
                   {.name = "b", .expect = {.other_worker_than = "a"}}},
       .steps = {submit("a"), in_hand("a"), kill_worker_of("a"), outcome("a"), submit("b"),
                 outcome("b")},
       .lost = 1},
      {.family = family,
       .name = "OnlyTheCallerWhoseWorkerDiedLearnsOfIt",
       .setup = {.size = 2},
       .tickets = {{.name = "a",
                    .acts = {held("crash", R"({"exit_code":3})")},
                    .expect = fails("worker_died")},
                   {.name = "b", .acts = {held()}, .expect = {.other_worker_than = "a"}},
                   {.name = "c", .expect = {.other_worker_than = "b"}}},
       .steps = {submit("a"), in_hand("a"), submit("b"), in_hand("b"), release("a"), outcome("a"),
                 submit("c"), outcome("c"), release("b"), outcome("b")},
       .order = {"a", "c", "b"},
       .lost = 1},
      {.family = family,
       .name = "EveryWorkerDiesAtOnceAndAllComeBack",
       .setup = {.size = 2},
       .tickets = {{.name = "a", .acts = {held()}, .expect = fails("worker_died")},
                   {.name = "b", .acts = {held()}, .expect = fails("worker_died")},
                   {.name = "c"}},
       .steps = {submit("a"), in_hand("a"), submit("b"), in_hand("b"), kill_worker_of("a"),
                 outcome("a"), kill_worker_of("b"), outcome("b"), submit("c"), outcome("c")},
       .lost = 2},
      {.family = family,
       .name = "ACancelledRequestWhoseWorkerDiesStaysCancelled",
       .tickets = {{.name = "a", .acts = {held()}, .expect = fails("cancelled_in_flight")},
                   {.name = "b", .expect = {.other_worker_than = "a"}}},
       .steps = {submit("a"), in_hand("a"), cancel("a"), outcome("a"), kill_worker_of("a"),
                 gone("a"), submit("b"), outcome("b")},
       .lost = 1},
  };
}

std::vector<Scenario> idle() {
  return {
      {.family = family,
       .name = "TheDeathOfAnIdleWorkerCostsNoRequest",
       .tickets = {{.name = "a"}, {.name = "b", .expect = {.other_worker_than = "a"}}},
       .steps = {submit("a"), outcome("a"), kill_worker_of("a"), gone("a"), submit("b"),
                 outcome("b")},
       .lost = 1},
      {.family = family,
       .name = "AnIdleWorkerThatDiesTwiceIsReplacedTwice",
       .tickets = {{.name = "a"},
                   {.name = "b", .expect = {.other_worker_than = "a"}},
                   {.name = "c", .expect = {.other_worker_than = "b"}}},
       .steps = {submit("a"), outcome("a"), kill_worker_of("a"), gone("a"), submit("b"),
                 outcome("b"), kill_worker_of("b"), gone("b"), submit("c"), outcome("c")},
       .lost = 2},
      {.family = family,
       .name = "AWorkerThatExitsBehindItsReplyHasAnswered",
       .tickets = {{.name = "a", .acts = {act("exit_after_reply")}},
                   {.name = "b", .expect = {.other_worker_than = "a"}}},
       .steps = {submit("a"), outcome("a"), gone("a"), submit("b"), outcome("b")},
       .lost = 1},
      {.family = family,
       .name = "AWorkerThatIgnoresSignalsStillGoesWhenThePoolStops",
       .tickets = {{.name = "a", .acts = {act("ignore_signals")}}},
       .steps = {submit("a"), outcome("a")}},
      {.family = family,
       .name = "AWorkerThatRefusesToDieStillGoesWhenThePoolStops",
       .tickets = {{.name = "a", .acts = {act("refuse_to_die")}}},
       .steps = {submit("a"), outcome("a")}},
  };
}

}  // namespace

std::vector<Scenario> death_scenarios() {
  std::vector<Scenario> all = busy();
  for (Scenario& scenario : idle()) all.push_back(std::move(scenario));
  return all;
}

}  // namespace ordeal::trial
