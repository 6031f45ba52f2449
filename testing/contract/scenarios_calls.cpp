// Calls that are answered, errors of the worker's own code, order, the queue's bound, overflow.
#include "testing/contract/scenarios.hpp"

namespace ordeal::trial {
namespace {

constexpr const char* family = "calls";

std::vector<Scenario> plain() {
  return {
      {.family = family,
       .name = "ARequestIsAnsweredWithItsOwnReply",
       .tickets = {{.name = "a"}},
       .steps = {submit("a"), outcome("a")}},
      {.family = family,
       .name = "RequestsOneAfterAnotherAreServedByTheSameWorker",
       .tickets = {{.name = "a"},
                   {.name = "b", .expect = {.same_worker_as = "a"}},
                   {.name = "c", .expect = {.same_worker_as = "a"}}},
       .steps = {submit("a"), outcome("a"), submit("b"), outcome("b"), submit("c"), outcome("c")}},
      {.family = family,
       .name = "TwoWorkersServeTwoClientsAtOnce",
       .setup = {.size = 2},
       .tickets =
           {{.name = "a", .client = "one", .acts = {held()}},
            {.name = "b", .client = "two", .acts = {held()}, .expect = {.other_worker_than = "a"}}},
       .steps = {submit("a"), in_hand("a"), submit("b"), in_hand("b"), release("b"), outcome("b"),
                 release("a"), outcome("a")},
       .order = {"b", "a"}},
      {.family = family,
       .name = "ABigReplyArrivesWhole",
       .tickets = {{.name = "a", .acts = {act("big_reply", R"({"bytes":300000})")}},
                   {.name = "b", .expect = {.same_worker_as = "a"}}},
       .steps = {submit("a"), outcome("a"), submit("b"), outcome("b")}},
      {.family = family,
       .name = "ABigRequestArrivesWhole",
       .tickets = {{.name = "a", .padding = 300'000}},
       .steps = {submit("a"), outcome("a")}},
      {.family = family,
       .name = "AReplyInPiecesArrivesWhole",
       .tickets = {{.name = "a", .acts = {act("dribble_reply", R"({"ticket":"a","piece":7})")}},
                   {.name = "b", .expect = {.same_worker_as = "a"}}},
       .steps = {submit("a"), outcome("a"), submit("b"), outcome("b")}},
      {.family = family,
       .name = "AProgramGivesTheSameAnswerOnEveryLayer",
       .tickets = {{.name = "a",
                    .question = "why?",
                    .expect = {.answer = "mock_response_answer_1430033101"}},
                   {.name = "b",
                    .question = "how?",
                    .expect = {.answer = "mock_response_answer_4114844064"}}},
       .steps = {submit("a"), outcome("a"), submit("b"), outcome("b")}},
  };
}

std::vector<Scenario> errors() {
  return {
      {.family = family,
       .name = "AWorkersOwnErrorIsToldAndCostsNoWorker",
       .tickets = {{.name = "a",
                    .acts = {act("error", R"({"type":"Mishap","message":"as told"})")},
                    .expect = fails("application_error")},
                   {.name = "b", .expect = {.same_worker_as = "a"}}},
       .steps = {submit("a"), outcome("a"), submit("b"), outcome("b")}},
      {.family = family,
       .name = "AnUnexpectedExceptionIsToldAndCostsNoWorker",
       .tickets = {{.name = "a", .acts = {act("raise")}, .expect = fails("application_error")},
                   {.name = "b", .expect = {.same_worker_as = "a"}}},
       .steps = {submit("a"), outcome("a"), submit("b"), outcome("b")}},
      {.family = family,
       .name = "AResultThatJsonCannotCarryIsAnErrorAndCostsNoWorker",
       .tickets = {{.name = "a",
                    .acts = {act("unrepresentable", R"({"kind":"nan"})")},
                    .expect = fails("application_error")},
                   {.name = "b", .expect = {.same_worker_as = "a"}}},
       .steps = {submit("a"), outcome("a"), submit("b"), outcome("b")}},
      {.family = family,
       .name = "ArgumentsThatAreNoJsonObjectReachNoWorker",
       .tickets = {{.name = "a", .raw = "[1,2]", .expect = refused("invalid_arguments")},
                   {.name = "b", .raw = R"({"x":)", .expect = refused("invalid_arguments")},
                   {.name = "c"}},
       .steps = {submit("a"), outcome("a"), submit("b"), outcome("b"), submit("c"), outcome("c")}},
      {.family = family,
       .name = "APrintInTheWorkerDoesNotDisturbTheReplies",
       .tickets = {{.name = "a", .acts = {act("print_stdout", R"({"text":"stray"})")}},
                   {.name = "b", .expect = {.same_worker_as = "a"}}},
       .steps = {submit("a"), outcome("a"), submit("b"), outcome("b")}},
      {.family = family,
       .name = "AFloodOnStderrDoesNotBlockTheReply",
       .tickets = {{.name = "a", .acts = {act("flood_stderr", R"({"bytes":300000})")}},
                   {.name = "b", .expect = {.same_worker_as = "a"}}},
       .steps = {submit("a"), outcome("a"), submit("b"), outcome("b")}},
  };
}

std::vector<Scenario> queues() {
  return {
      {.family = "queue",
       .name = "WaitersAreServedInTheOrderOfTheirComing",
       .tickets = {{.name = "a", .acts = {held()}}, {.name = "b"}, {.name = "c"}, {.name = "d"}},
       .steps = {submit("a"), in_hand("a"), submit("b"), submit("c"), submit("d"), release("a"),
                 outcome("b"), outcome("c"), outcome("d")}},
      {.family = "queue",
       .name = "OneMoreThanMayWaitIsTurnedAwayAtOnce",
       .setup = {.queue_max = 2},
       .tickets = {{.name = "a", .acts = {held()}},
                   {.name = "b"},
                   {.name = "c"},
                   {.name = "d", .expect = refused("queue_full")}},
       .steps = {submit("a"), in_hand("a"), submit("b"), submit("c"), submit("d"), outcome("d"),
                 release("a"), outcome("c")},
       .order = {"d", "a", "b", "c"}},
      {.family = "queue",
       .name = "APlaceInTheQueueThatGotFreeIsGivenToTheNext",
       .setup = {.queue_max = 1},
       .tickets = {{.name = "a", .acts = {held()}},
                   {.name = "b", .acts = {held()}},
                   {.name = "c", .expect = refused("queue_full")},
                   {.name = "d"}},
       .steps = {submit("a"), in_hand("a"), submit("b"), submit("c"), outcome("c"), release("a"),
                 in_hand("b"), submit("d"), release("b"), outcome("d")},
       .order = {"c", "a", "b", "d"}},
      {.family = "queue",
       .name = "ACrashOfTheRunningOneLetsTheNextOneIn",
       .tickets = {{.name = "a",
                    .acts = {held("crash", R"({"exit_code":3})")},
                    .expect = fails("worker_died")},
                   {.name = "b", .expect = {.other_worker_than = "a"}}},
       .steps = {submit("a"), in_hand("a"), submit("b"), release("a"), outcome("b")},
       .lost = 1},
      {.family = "overflow",
       .name = "AnOverflowWorkerServesWhoWouldWait",
       .setup = {.size = 1, .overflow = 1},
       .tickets = {{.name = "a", .acts = {held()}},
                   {.name = "b", .acts = {held()}, .expect = {.other_worker_than = "a"}}},
       .steps = {submit("a"), in_hand("a"), submit("b"), in_hand("b"), release("a"), outcome("a"),
                 release("b"), outcome("b")}},
      {.family = "overflow",
       .name = "BeyondTheOverflowRequestsWait",
       .setup = {.size = 1, .overflow = 1},
       .tickets = {{.name = "a", .acts = {held()}},
                   {.name = "b", .acts = {held()}},
                   {.name = "c", .expect = {.same_worker_as = "b"}}},
       .steps = {submit("a"), in_hand("a"), submit("b"), in_hand("b"), submit("c"), release("b"),
                 outcome("b"), outcome("c"), release("a"), outcome("a")},
       .order = {"b", "c", "a"}},
  };
}

}  // namespace

std::vector<Scenario> call_scenarios() {
  std::vector<Scenario> all = plain();
  for (const auto more : {errors, queues}) {
    for (Scenario& scenario : more()) all.push_back(std::move(scenario));
  }
  return all;
}

}  // namespace ordeal::trial
