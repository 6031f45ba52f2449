// Beginnings and ends: starts that fail, stops with requests queued and running.
#include "testing/contract/scenarios.hpp"

namespace ordeal::trial {
namespace {

std::vector<Scenario> starts() {
  const auto unavailable = [](std::string name, Starts how) {
    return Scenario{.family = "start",
                    .name = std::move(name),
                    .setup = {.start_timeout = how.how == Starts::How::hang ? soon : ample,
                              .starts = how,
                              .start_failures_max = how.how == Starts::How::hang ? 1U : 2U},
                    .tickets = {{.name = "a", .expect = refused("workers_unavailable")},
                                {.name = "b", .expect = refused("workers_unavailable")}},
                    .steps = {submit("a"), outcome("a"), submit("b"), outcome("b")},
                    .calm = false};
  };
  return {
      {.family = "start",
       .name = "OneStartThatFailsIsTriedAgainAndCostsNoRequest",
       .setup = {.starts = {Starts::How::fail_first, 1}},
       .tickets = {{.name = "a"}, {.name = "b"}},
       .steps = {submit("a"), submit("b"), outcome("b")}},
      unavailable("WorkersThatNeverStartAreADefiniteError", {Starts::How::fail}),
      unavailable("WorkersThatHangAtTheStartAreADefiniteError", {Starts::How::hang}),
      unavailable("WorkersThatBabbleAtTheStartAreADefiniteError", {Starts::How::garbage}),
      {.family = "start",
       .name = "ARequestWithAPolicyOutlivesFailingStarts",
       .setup = {.starts = {Starts::How::fail_first, 2}, .start_failures_max = 1},
       .tickets = {{.name = "a", .retries = 50, .retry_delay = milliseconds{100}}},
       .steps = {submit("a"), outcome("a")},
       .open = {{"retries", "how often it finds no worker depends on how long the starts take"}}},
      {.family = "start",
       .name = "TheDeadlineOfAWaiterPassesWhileTheFirstWorkerHangs",
       .setup = {.start_timeout = ample, .starts = {Starts::How::hang}},
       .tickets = {{.name = "a", .deadline = soon, .expect = refused("queue_timeout")}},
       .steps = {submit("a"), outcome("a")},
       .calm = false},
  };
}

std::vector<Scenario> stops() {
  return {
      {.family = "stop",
       .name = "AnIdlePoolStops",
       .tickets = {{.name = "a"}},
       .steps = {submit("a"), outcome("a"), stop(milliseconds{0}), stopped()}},
      {.family = "stop",
       .name = "WhatRunsMayEndWithinTheGraceAndWhoWaitsIsToldAtOnce",
       .tickets = {{.name = "a", .acts = {held()}},
                   {.name = "b", .expect = refused("pool_stopping")},
                   {.name = "c", .expect = refused("pool_stopping")}},
       .steps = {submit("a"), in_hand("a"), submit("b"), submit("c"), stop(ample), outcome("b"),
                 outcome("c"), release("a"), outcome("a"), stopped()},
       .order = {"b", "c", "a"}},
      {.family = "stop",
       .name = "WhatRunsWhenTheGraceIsOverIsKilledAndMayHaveHappened",
       .tickets = {{.name = "a", .acts = {act("hang")}, .expect = fails("stopped_in_flight")}},
       .steps = {submit("a"), in_hand("a"), stop(soon), outcome("a"), stopped()}},
      {.family = "stop",
       .name = "AStopWithoutGraceKillsWhatRuns",
       .tickets = {{.name = "a", .acts = {held()}, .expect = fails("stopped_in_flight")},
                   {.name = "b", .expect = refused("pool_stopping")}},
       .steps = {submit("a"), in_hand("a"), submit("b"), stop(milliseconds{0}), outcome("a"),
                 stopped()},
       .order = {"b", "a"}},
      {.family = "stop",
       .name = "NoNewRequestIsTakenOnceThePoolStops",
       .tickets = {{.name = "a", .acts = {held()}},
                   {.name = "w", .expect = refused("pool_stopping")},
                   {.name = "b", .expect = refused("pool_stopping")}},
       // w waits, so that its outcome says that the stop has begun.
       .steps = {submit("a"), in_hand("a"), submit("w"), stop(ample), outcome("w"), submit("b"),
                 outcome("b"), release("a"), outcome("a"), stopped()},
       .order = {"w", "b", "a"}},
      {.family = "stop",
       .name = "AWorkerThatDiesDuringTheStopIsToldToItsCallerAndNotReplaced",
       .tickets = {{.name = "a",
                    .acts = {held("crash", R"({"exit_code":3})")},
                    .expect = fails("worker_died")},
                   {.name = "w", .expect = refused("pool_stopping")}},
       .steps = {submit("a"), in_hand("a"), submit("w"), stop(ample), outcome("w"), release("a"),
                 outcome("a"), stopped()},
       .order = {"w", "a"}},
      {.family = "stop",
       .name = "ACancelDuringTheStopIsHeeded",
       .tickets = {{.name = "a", .acts = {held()}, .expect = fails("cancelled_in_flight")},
                   {.name = "w", .expect = refused("pool_stopping")}},
       .steps = {submit("a"), in_hand("a"), submit("w"), stop(ample), outcome("w"), cancel("a"),
                 outcome("a"), stopped()},
       .order = {"w", "a"}},
      {.family = "stop",
       .name = "ARetryIsNotBegunDuringTheStop",
       .tickets = {{.name = "a",
                    .acts = {held("crash", R"({"exit_code":3})"), act("echo")},
                    .idempotent = true,
                    .retries = 5,
                    .expect = fails("worker_died")},
                   {.name = "w", .expect = refused("pool_stopping")}},
       .steps = {submit("a"), in_hand("a"), submit("w"), stop(ample), outcome("w"), release("a"),
                 outcome("a"), stopped()},
       .order = {"w", "a"}},
      {.family = "stop",
       .name = "WhoPausesForARetryIsToldItsLastErrorWhenThePoolStops",
       .tickets = {{.name = "a",
                    .acts = {act("error", R"({"retryable":true})"), act("echo")},
                    .idempotent = true,
                    .retries = 5,
                    .retry_delay = milliseconds{20'000},
                    .expect = fails("application_error")}},
       .steps = {submit("a"), told("request_retry_scheduled", "a"), stop(ample), outcome("a"),
                 stopped()}},
      {.family = "stop",
       .name = "AWorkerThatRefusesToDieIsKilled",
       .tickets = {{.name = "a", .acts = {act("refuse_to_die")}}},
       .steps = {submit("a"), outcome("a"), stop(milliseconds{0}), stopped(), gone("a")}},
  };
}

}  // namespace

std::vector<Scenario> end_scenarios() {
  std::vector<Scenario> all = starts();
  for (Scenario& scenario : stops()) all.push_back(std::move(scenario));
  return all;
}

}  // namespace ordeal::trial
