// A roll: every worker is replaced by one of a new generation, that is, of another program.
//
//     ordered ──▶ one is started ──ready──▶ settled: all others are marked ──none is left──▶
//     finished
//                     │                         │  (replacing.cpp; starts are of the new one)
//                     └──────── failed ◀────────┘
//
// The first worker of a new generation (the canary) is started beside all that are wanted: before
// it is ready nothing else depends on the new program, whoever dies meanwhile is replaced by the
// old one. A roll fails with the first of its workers that does not get ready, or that ends by its
// own doing before it has served anybody: then it all goes back the same way. That failure says
// nothing about the old program, so it neither backs off nor opens the start circuit.
#include <utility>

#include "pool/core/assert.hpp"
#include "pool/core/state.hpp"

namespace ordeal::pool::core {

void Core::State::on(const event::RollOrdered& e) {
  if (stopping || roll_to_ != 0) return;
  ORDEAL_ASSERT(e.generation > last_generation_, "a generation is greater than all before it");
  last_generation_ = e.generation;
  roll_to_ = e.generation;
  timers.cancel(start_backoff_);  // it may be the cure for a program that does not start
  tell({.what = Occurrence::roll_started, .count = static_cast<std::uint32_t>(roll_to_)});
}

// A worker has got ready.
void Core::State::welcome(Worker& worker) {
  if (worker.id == canary_) {
    canary_ = {};
    roll_settled_ = true;
    actions.push(action::SettleGeneration{roll_to_});
    tell({.what = Occurrence::roll_settled,
          .worker = worker.id,
          .count = static_cast<std::uint32_t>(roll_to_)});
    for (Worker& other : workers_) {
      if (other.id && other.generation != roll_to_) mark(other, TransitionReason::rolled);
    }
  } else if (worker.generation != (roll_settled_ ? roll_to_ : generation_)) {
    mark(worker, TransitionReason::rolled);
  }
}

void Core::State::fail_roll(Worker& culprit, ErrorCode code) {
  failed_generation_ = std::exchange(roll_to_, 0);
  roll_failure_ = code;
  roll_culprit_ = culprit.id;
  canary_ = {};
  if (culprit.takes_start && !culprit.unwanted) {  // until its end is known
    culprit.unwanted = true;
    ++unwanted_;
  }
  tell({.what = Occurrence::roll_failed,
        .worker = culprit.id,
        .code = code,
        .count = static_cast<std::uint32_t>(failed_generation_)});
  if (!std::exchange(roll_settled_, false)) return;
  actions.push(action::SettleGeneration{generation_});
  for (Worker& worker : workers_) {
    if (!worker.id || &worker == &culprit) continue;
    if (worker.generation == failed_generation_) {
      give_up_start(worker, TransitionReason::rolled);
      mark(worker, TransitionReason::rolled);
    } else if (worker.generation == generation_ && worker.marked && !worker.withdrawn &&
               worker.leaves_for == TransitionReason::rolled) {
      unmark(worker);  // not who is left of an earlier roll that failed
    }
  }
}

void Core::State::advance_roll() {
  if (!roll_settled_) return;
  for (const Worker& worker : workers_) {
    if (!worker.id || worker.generation == roll_to_) continue;
    if (!worker.lifecycle.should_remove()) return;
  }
  generation_ = std::exchange(roll_to_, 0);
  roll_settled_ = false;
  tell({.what = Occurrence::roll_finished, .count = static_cast<std::uint32_t>(generation_)});
}

void Core::State::end_roll() {
  roll_to_ = 0;
  roll_settled_ = false;
  canary_ = {};
}

OperationsView Core::State::operations() const {
  return {.size = size_,
          .admission = admission_,
          .generation = generation_,
          .rolling_to = roll_to_,
          .failed_generation = failed_generation_,
          .failure = roll_failure_,
          .failed_worker = roll_culprit_,
          .start_failures = failures_in_row(),
          .limit = options.limit.on() ? limit_.limit() : 0};
}

}  // namespace ordeal::pool::core
