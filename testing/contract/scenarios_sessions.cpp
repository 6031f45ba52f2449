// Which worker the requests of a session go to.
#include "testing/contract/scenarios.hpp"

namespace ordeal::trial {
namespace {

using pool::AffinityPolicy;

TicketSpec of_session(std::string name, AffinityPolicy affinity, Act act = {},
                      Expected expect = {}) {
  return {.name = std::move(name),
          .acts = {std::move(act)},
          .session = "s",
          .affinity = affinity,
          .expect = std::move(expect)};
}
Expected same(std::string as) { return {.same_worker_as = std::move(as)}; }
Expected other(std::string than) { return {.other_worker_than = std::move(than)}; }

constexpr auto strict = AffinityPolicy::strict;
constexpr auto prefer = AffinityPolicy::prefer;
constexpr auto none = AffinityPolicy::none;

}  // namespace

std::vector<Scenario> session_scenarios() {
  TicketSpec lost = of_session("b", strict, {}, refused("session_state_lost"));
  lost.state_of = "a";
  TicketSpec kept = of_session("c", strict, {}, same("a"));
  kept.state_of = "a";
  return {
      {.family = "session",
       .name = "ItsRequestsComeBackToTheirWorkerPastAnIdleOne",
       .setup = {.size = 2},
       .tickets = {of_session("a", strict),
                   {.name = "x", .acts = {held()}},
                   of_session("b", strict, {}, same("a"))},
       // x makes the other worker the one used last, which anybody's request would get.
       .steps = {submit("a"), outcome("a"), submit("x"), in_hand("x"), release("x"), outcome("x"),
                 submit("b"), outcome("b")}},
      {.family = "session",
       .name = "StrictWaitsForItsBusyWorkerWhileAnotherIsIdle",
       .setup = {.size = 2},
       .tickets = {of_session("a", strict, held()), of_session("b", strict, held(), same("a"))},
       .steps = {submit("a"), in_hand("a"), submit("b"), release("a"), outcome("a"), in_hand("b"),
                 release("b"), outcome("b")}},
      {.family = "session",
       .name = "PreferGoesElsewhereWhenItsWorkerStaysBusy",
       .setup = {.size = 2, .affinity_wait = soon},
       .tickets = {of_session("a", prefer, held()), of_session("b", prefer, {}, other("a"))},
       .steps = {submit("a"), in_hand("a"), submit("b"), outcome("b"), release("a"), outcome("a")},
       .order = {"b", "a"}},
      {.family = "session",
       .name = "PreferIsBoundToWhereItWent",
       .setup = {.size = 2, .affinity_wait = soon},
       .tickets = {of_session("a", prefer, held()), of_session("b", prefer, {}, other("a")),
                   of_session("c", prefer, {}, same("b"))},
       .steps = {submit("a"), in_hand("a"), submit("b"), outcome("b"), release("a"), outcome("a"),
                 submit("c"), outcome("c")},
       .order = {"b", "a", "c"}},
      {.family = "session",
       .name = "PreferWaitsForItsWorkerForAWhile",
       .setup = {.size = 2},
       .tickets = {of_session("a", prefer, held()), of_session("b", prefer, {}, same("a"))},
       .steps = {submit("a"), in_hand("a"), submit("b"), release("a"), outcome("b")}},
      {.family = "session",
       .name = "WithoutAPolicyItGoesToAnyWorker",
       .setup = {.size = 2},
       .tickets = {of_session("a", none, held()), of_session("b", none, {}, other("a"))},
       .steps = {submit("a"), in_hand("a"), submit("b"), outcome("b"), release("a"), outcome("a")},
       .order = {"b", "a"}},
      {.family = "session",
       .name = "TwoSessionsSpreadOverTwoWorkers",
       .setup = {.size = 2},
       .tickets =
           {of_session("a", strict),
            {.name = "b", .session = "t", .affinity = strict, .expect = {.other_worker_than = "a"}},
            of_session("c", strict, {}, same("a")),
            {.name = "d", .session = "t", .affinity = strict, .expect = same("b")}},
       .steps = {submit("a"), outcome("a"), submit("b"), outcome("b"), submit("c"), outcome("c"),
                 submit("d"), outcome("d")}},
      {.family = "session",
       .name = "TheDeathOfItsWorkerBindsItAnew",
       .tickets = {of_session("a", strict), of_session("b", strict, {}, other("a")),
                   of_session("c", strict, {}, same("b"))},
       .steps = {submit("a"), outcome("a"), kill_worker_of("a"), gone("a"), submit("b"),
                 outcome("b"), submit("c"), outcome("c")},
       .lost = 1},
      {.family = "session",
       .name = "WhoReliesOnWhatADeadWorkerHeldIsToldSo",
       .tickets = {of_session("a", strict), {.name = "x"}, lost, of_session("c", strict)},
       // x is served by the successor: by then the pool knows of the death.
       .steps = {submit("a"), outcome("a"), kill_worker_of("a"), gone("a"), submit("x"),
                 outcome("x"), submit("b"), outcome("b"), submit("c"), outcome("c")},
       .lost = 1},
      {.family = "session",
       .name = "WhoReliesOnALivingWorkersStateGetsThatWorker",
       .setup = {.size = 2},
       .tickets = {of_session("a", strict), {.name = "x", .acts = {held()}}, kept},
       .steps = {submit("a"), outcome("a"), submit("x"), in_hand("x"), release("x"), outcome("x"),
                 submit("c"), outcome("c")}},
      {.family = "session",
       .name = "AWaiterForABusyWorkerLetsOthersPass",
       .setup = {.size = 2},
       .tickets = {of_session("a", strict, held()),
                   of_session("b", strict, {}, same("a")),
                   {.name = "x", .expect = {.other_worker_than = "a"}}},
       .steps = {submit("a"), in_hand("a"), submit("b"), submit("x"), outcome("x"), release("a"),
                 outcome("b")},
       .order = {"x", "a", "b"},
       .hands = {"a", "x", "b"}},
  };
}

}  // namespace ordeal::trial
