// The contract over DSPy: the same scenarios and outcomes, with bridges that have imported DSPy and
// LiteLLM, and a program that asks the stand-in for Gemini. Skipped where DSPy is not installed.
//
// A pool's start costs seconds of importing, so of each family those scenarios are run in which the
// bridge itself has a part; the other two layers show the rest.
#include <fmt/format.h>
#include <unistd.h>

#include <memory>
#include <mutex>
#include <set>

#include "python_mock/tests/gemini.hpp"
#include "testing/contract/real_stage.hpp"
#include "testing/contract/reference_pool.hpp"
#include "testing/contract/tests/contract_suite.hpp"
#include "testing/leaks/leak_listener.hpp"

namespace ordeal::trial {
namespace {

// Importing DSPy takes seconds of computing, and more where other tests compute too.
constexpr std::chrono::seconds patience{120};

const std::set<std::string>& chosen() {
  static const std::set<std::string> names{
      "calls.AProgramGivesTheSameAnswerOnEveryLayer",
      "calls.ARequestIsAnsweredWithItsOwnReply",
      "calls.AnUnexpectedExceptionIsToldAndCostsNoWorker",
      "calls.APrintInTheWorkerDoesNotDisturbTheReplies",
      "queue.WaitersAreServedInTheOrderOfTheirComing",
      "timeout.ALateReplyIsDrainedAndReachesNobody",
      "cancel.AWorkerThatHeedsTheCancelServesOn",
      "death.AKillFromOutsideIsToldToItsCaller",
      "stream.AFrameThatIsNoJson",
      "retry.AnIdempotentRequestSurvivesTheDeathOfItsWorker",
      "breaker.ErrorsOfTheWorkersCodeCount",
      "session.StrictWaitsForItsBusyWorkerWhileAnotherIsIdle",
      "stop.WhatRunsMayEndWithinTheGraceAndWhoWaitsIsToldAtOnce",
      "stop.AWorkerThatRefusesToDieIsKilled"};
  return names;
}

// One for all worlds that there are at a time.
std::shared_ptr<python_mock::Gemini> gemini() {
  static std::mutex mutex;
  static std::weak_ptr<python_mock::Gemini> current;
  const std::lock_guard lock{mutex};
  std::shared_ptr<python_mock::Gemini> one = current.lock();
  if (!one) current = one = std::make_shared<python_mock::Gemini>();
  return one;
}

struct StageAndGemini {
  RealStage stage{temp_folder()};
  std::shared_ptr<python_mock::Gemini> gemini;
};

}  // namespace

World make_world() {
  const auto both = std::make_shared<StageAndGemini>();
  both->gemini = gemini();
  pool::Options options;
  options.command = {ORDEAL_DSPY_PYTHON, ORDEAL_PYTHON_MOCK "/dspy_bridge.py", "--mode",
                     "pool-worker", "--faults"};
  options.environment["GEMINI_API_KEY"] = python_mock::stand_in_key;
  options.environment["GEMINI_API_BASE"] = fmt::format("http://{}/v1beta", both->gemini->address());
  options.environment[std::string{test_id_variable}] = test_id();
  options.fork_template = true;  // one import of DSPy for each world, not one for each worker
  options.ask_grace = std::chrono::seconds{2};
  options.terminate_grace = std::chrono::milliseconds{200};
  return {.stage = std::shared_ptr<Stage>{both, &both->stage},
          .pool = make_reference_pool(std::move(options), temp_folder())};
}

TrialOptions trial_options() { return {.patience = patience, .at_once = 3}; }

bool is_run_here(const Scenario& scenario) {
  return chosen().contains(scenario.family + "." + scenario.name);
}

std::string reason_to_skip() {
  if (::access(ORDEAL_DSPY_PYTHON, X_OK) != 0) {
    return ORDEAL_DSPY_PYTHON " has no dspy: run scripts/setup --dspy";
  }
  return {};
}

}  // namespace ordeal::trial
