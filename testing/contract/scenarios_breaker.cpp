// Circuit breakers: closed, open, tried out, closed again.
#include "testing/contract/scenarios.hpp"

namespace ordeal::trial {
namespace {

constexpr const char* key = "guarded";
const Act crash = act("crash", R"({"exit_code":3})");

TicketSpec failing(std::string name) {
  return {
      .name = std::move(name), .acts = {crash}, .breaker_key = key, .expect = fails("worker_died")};
}
TicketSpec guarded(std::string name, Act act = {}, Expected expect = {}) {
  return {.name = std::move(name),
          .acts = {std::move(act)},
          .breaker_key = key,
          .expect = std::move(expect)};
}
TicketSpec turned_away(std::string name) {
  TicketSpec ticket = guarded(std::move(name), {}, refused("circuit_open"));
  return ticket;
}

}  // namespace

std::vector<Scenario> breaker_scenarios() {
  const BreakerSetup stays_open{.failures = 2};
  const BreakerSetup half_opens{.failures = 1, .open = soon};
  const Step period_over = reach("the open period is over", 2 * soon);
  return {
      {.family = "breaker",
       .name = "FailuresInARowOpenItAndNothingReachesAWorker",
       .setup = {.breaker = stays_open},
       .tickets = {failing("a"), failing("b"), turned_away("c"), turned_away("d")},
       .steps = {submit("a"), outcome("a"), submit("b"), outcome("b"), submit("c"), outcome("c"),
                 submit("d"), outcome("d")},
       .lost = 2},
      {.family = "breaker",
       .name = "ASuccessBetweenTwoFailuresKeepsItClosed",
       .setup = {.breaker = stays_open},
       .tickets = {failing("a"), guarded("b"), failing("c"), guarded("d")},
       .steps = {submit("a"), outcome("a"), submit("b"), outcome("b"), submit("c"), outcome("c"),
                 submit("d"), outcome("d")},
       .lost = 2},
      {.family = "breaker",
       .name = "TheCallersOwnMistakesDoNotCount",
       .setup = {.breaker = BreakerSetup{.failures = 1}},
       .tickets = {guarded("a", act("error", R"({"type":"InvalidArgument"})"),
                           fails("application_error")),
                   guarded("b")},
       .steps = {submit("a"), outcome("a"), submit("b"), outcome("b")}},
      {.family = "breaker",
       .name = "ErrorsOfTheWorkersCodeCount",
       .setup = {.breaker = BreakerSetup{.failures = 1}},
       .tickets = {guarded("a", act("error", R"({"type":"Mishap"})"), fails("application_error")),
                   turned_away("b")},
       .steps = {submit("a"), outcome("a"), submit("b"), outcome("b")}},
      {.family = "breaker",
       .name = "OtherKeysAreNotConcerned",
       .setup = {.breaker = stays_open},
       .tickets = {failing("a"),
                   failing("b"),
                   turned_away("c"),
                   {.name = "d", .breaker_key = "other"},
                   {.name = "e"}},
       .steps = {submit("a"), outcome("a"), submit("b"), outcome("b"), submit("c"), outcome("c"),
                 submit("d"), outcome("d"), submit("e"), outcome("e")},
       .lost = 2},
      {.family = "breaker",
       .name = "BehindTheOpenPeriodATrialClosesIt",
       .setup = {.breaker = half_opens},
       .tickets = {failing("a"), guarded("b"), guarded("c")},
       .steps = {submit("a"), outcome("a"), period_over, submit("b"), outcome("b"), submit("c"),
                 outcome("c")},
       .lost = 1},
      {.family = "breaker",
       .name = "WhileATrialRunsNoOtherIsLetThrough",
       .setup = {.breaker = half_opens},
       .tickets = {failing("a"), guarded("b", held()),
                   guarded("c", {}, refused("circuit_half_open_limit")), guarded("d")},
       .steps = {submit("a"), outcome("a"), period_over, submit("b"), in_hand("b"), submit("c"),
                 outcome("c"), release("b"), outcome("b"), submit("d"), outcome("d")},
       .order = {"a", "c", "b", "d"},
       .lost = 1},
      {.family = "breaker",
       .name = "ATrialThatFailsOpensItAgain",
       .setup = {.breaker = BreakerSetup{.failures = 1, .open = milliseconds{900}}},
       .tickets = {failing("a"), failing("b"), turned_away("c")},
       .steps = {submit("a"), outcome("a"), reach("the open period is over", milliseconds{910}),
                 submit("b"), outcome("b"), submit("c"), outcome("c")},
       .lost = 2},
      {.family = "breaker",
       .name = "ATrialThatIsCancelledGivesItsPermitBack",
       .setup = {.breaker = half_opens},
       .tickets = {failing("a"), guarded("b", held(), fails("cancelled_in_flight")), guarded("c")},
       .steps = {submit("a"), outcome("a"), period_over, submit("b"), in_hand("b"), cancel("b"),
                 outcome("b"), submit("c"), release("b"), outcome("c")},
       .lost = 1,
       .drained = 1},
      {.family = "breaker",
       .name = "ARequestWithAPolicyDoesNotWaitForACircuitThatStaysOpenForTooLong",
       .setup = {.breaker = stays_open},
       .tickets = {failing("a"),
                   failing("b"),
                   {.name = "c",
                    .retries = 1,
                    .retry_delay = milliseconds{10},
                    .breaker_key = key,
                    .expect = refused("circuit_open")}},
       .steps = {submit("a"), outcome("a"), submit("b"), outcome("b"), submit("c"), outcome("c")},
       .lost = 2},
  };
}

}  // namespace ordeal::trial
