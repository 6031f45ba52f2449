// The operations' part of the oracle: who may be started, who may go, and when a roll is over.
#include <algorithm>

#include "testing/model/core_oracle.hpp"

namespace ordeal::trial {

using namespace pool::core;  // NOLINT: this file speaks the core's vocabulary throughout
using Reason = TransitionReason;

void CoreOracle::Operations::add(const Operations& other) {
  for (const auto& [why, count] : other.withdrawn) withdrawn[why] += count;
  withdrawn_busy += other.withdrawn_busy;
  starts_given_up += other.starts_given_up;
  rolls_finished += other.rolls_finished;
  rolls_failed_at_once += other.rolls_failed_at_once;
  rolls_failed_later += other.rolls_failed_later;
  turned_away += other.turned_away;
  waited_for_resume += other.waited_for_resume;
}

void CoreOracle::on(const event::ResizeOrdered& e) {
  if (stopping_) return;
  size_ = std::max(e.size, 1U);
  just_resized_ = true;
}

void CoreOracle::on(const event::ReplaceOrdered& e) {
  Worker* worker = find(e.worker);
  if (worker != nullptr && worker->serving && !stopping_) worker->drain_ordered = true;
}

void CoreOracle::on(const event::AdmissionOrdered& e) {
  if (stopping_) return;
  if (admission_ == Admission::paused && e.admission != admission_) {
    operations_.waited_for_resume += waiting_.size();
  }
  admission_ = e.admission;
}

void CoreOracle::on(const event::RollOrdered& e) {
  if (stopping_ || roll_to_ != 0) return;
  roll_to_ = e.generation;
  canary_spawned_ = false;
  roll_ever_ = true;
  no_start_before_ = Instant::min();
}

void CoreOracle::on(const event::WorkerMeasured& e) {
  if (Worker* worker = find(e.worker)) worker->measured = true;
}

// Healthy workers that are to stay: they serve, or will when their request is done.
std::uint32_t CoreOracle::healthy() const {
  std::uint32_t count = 0;
  for (const Worker& worker : workers_) {
    if (!worker.id || !worker.serving || worker.withdrawn || worker.unhealthy) continue;
    const bool granted = std::count(worker.slots.begin(), worker.slots.end(), Use::granted) > 0;
    const bool owes = std::count(worker.slots.begin(), worker.slots.end(), Use::dirty) > 0;
    count += granted || !owes ? 1 : 0;
  }
  return count;
}

std::uint32_t CoreOracle::leaving() const {
  return static_cast<std::uint32_t>(
      std::count_if(workers_.begin(), workers_.end(), [](const Worker& worker) {
        return worker.id && worker.serving && worker.withdrawn && !worker.surplus;
      }));
}

// Failed starts that keep their place until their end is known.
std::uint32_t CoreOracle::ending() const {
  return static_cast<std::uint32_t>(
      std::count_if(workers_.begin(), workers_.end(), [](const Worker& worker) {
        return worker.id && worker.starting && worker.given_up && !worker.unwanted;
      }));
}

bool CoreOracle::may_leave_for(const Worker& worker, Reason why) const {
  const auto least = [this](auto whole) {
    return whole - whole * options_.retire_stagger_percent / 100;
  };
  switch (why) {
    case Reason::surplus:
      return just_resized_ && staying() > size_;
    case Reason::drained:
      return worker.drain_ordered;
    case Reason::rolled:
      return worker.generation != wanted_generation();
    case Reason::requests_max:
      return options_.retire_requests != 0 && worker.answers >= least(options_.retire_requests);
    case Reason::age_max:
      return options_.retire_age > Duration{} &&
             now_ - worker.ready_at >= least(options_.retire_age);
    case Reason::memory_growth:
      return worker.measured && options_.retire_memory.on();
    default:
      return false;
  }
}

// For sure, whatever was drawn.
bool CoreOracle::must_leave(const Worker& worker) const {
  return worker.drain_ordered || worker.generation != wanted_generation() ||
         (options_.retire_requests != 0 && worker.answers >= options_.retire_requests) ||
         (options_.retire_age > Duration{} && now_ - worker.ready_at >= options_.retire_age);
}

void CoreOracle::check_spawn(const action::Spawn& a) {
  const std::uint64_t serial = a.worker.serial;
  const bool canary = roll_to_ != 0 && !roll_settled_ && !canary_spawned_;
  expect(a.generation == (canary ? roll_to_ : wanted_generation()),
         "(1b) a start of the wrong generation", serial);
  std::uint32_t may_go = 0;
  for (const Worker& worker : workers_) {
    if (!worker.id || !worker.serving || worker.withdrawn) continue;
    for (const Reason why : {Reason::drained, Reason::rolled, Reason::requests_max, Reason::age_max,
                             Reason::memory_growth}) {
      if (!may_leave_for(worker, why)) continue;
      ++may_go;
      break;
    }
  }
  const std::uint32_t of_roll = roll_to_ != 0 && !roll_settled_ ? 1 : 0;
  const std::uint32_t more = std::min(may_go, options_.replace_parallel_max) + of_roll;
  // A roll's first worker waits for nobody, not even for failed starts that keep their places.
  expect(staying() - (canary ? ending() : 0) < size_ + options_.overflow + more,
         "(1) a worker too many is spawned", serial);
  expect(more > 0 || a.overflow == (staying() >= size_), "a spawn's overflow flag goes by count",
         serial);
  if (canary) canary_spawned_ = true;
}

void CoreOracle::on(const action::Withdraw& a) {
  Worker* worker = find(a.worker);
  expect(worker != nullptr && worker->serving && !worker->withdrawn && !stopping_,
         "(1a) a worker is withdrawn that does not serve", a.worker.serial);
  if (worker == nullptr) return;
  expect(may_leave_for(*worker, a.reason), "(1a) a worker is withdrawn without reason",
         a.worker.serial);
  worker->surplus = a.reason == Reason::surplus;
  worker->withdrawn = true;
  ++withdrawn_;
  ++counters_.workers_recycled;
  if (worker->surplus) {
    --counters_.workers_recycled;
  } else {
    expect(healthy() >= size_, "(1a) a worker is withdrawn before others can take its place",
           a.worker.serial);
    expect(leaving() <= options_.replace_parallel_max, "(1a) too many are replaced at once",
           a.worker.serial);
  }
  ++operations_.withdrawn[a.reason];
  if (worker->holds > 0) ++operations_.withdrawn_busy;
  orphan_sessions(a.worker);
}

void CoreOracle::on(const action::SettleGeneration& a) {
  if (roll_to_ != 0 && a.generation == roll_to_) {
    expect(!roll_settled_, "(1b) a roll is settled twice", a.generation);
    roll_settled_ = true;
    return;
  }
  expect(a.generation == generation_, "(1b) a generation is settled that nobody wants",
         a.generation);
  if (settle_back_due_) {
    settle_back_due_ = false;
    return;
  }
  expect(roll_settled_, "(1b) a roll that was not settled is taken back", a.generation);
  went_back_from_ = std::exchange(roll_to_, 0);  // after_operations() looks for the reason
  roll_settled_ = false;
  ++operations_.rolls_failed_later;
}

void CoreOracle::give_up_start(Worker& worker) {
  if (worker.exited || worker.unwanted) return;
  worker.unwanted = true;
  ++unwanted_;
}

// One of its workers did not come up.
void CoreOracle::roll_failed(Worker& culprit) {
  failed_newcomers_ = std::max(failed_newcomers_, culprit.generation);
  give_up_start(culprit);
  settle_back_due_ = std::exchange(roll_settled_, false);
  ++(settle_back_due_ ? operations_.rolls_failed_later : operations_.rolls_failed_at_once);
  roll_to_ = 0;
}

void CoreOracle::after_operations(const Core& core) {
  expect(!settle_back_due_, "(1b) a roll whose worker did not come up goes on");
  if (went_back_from_ != 0) {
    expect(failed_newcomers_ == went_back_from_, "(1b) a roll is given up without a reason",
           went_back_from_);
    went_back_from_ = 0;
  }
  if (stopping_) roll_to_ = 0;
  if (roll_to_ != 0 && roll_settled_ &&
      std::none_of(workers_.begin(), workers_.end(), [this](const Worker& worker) {
        return worker.id && worker.generation != roll_to_ &&
               (worker.serving || (worker.starting && !worker.given_up));
      })) {
    generation_ = std::exchange(roll_to_, 0);
    roll_settled_ = false;
    ++operations_.rolls_finished;
  }
  const OperationsView& seen = core.operations();
  expect(seen.size == size_ && seen.admission == admission_, "the pool is as it was ordered to be");
  expect(seen.rolling_to == roll_to_ && seen.generation == generation_,
         "(1b) a roll is over when nobody of another generation is left, or it has failed");
  expect(core.counters().workers_recycled == counters_.workers_recycled,
         "the counter of recycled workers agrees with the withdrawals");
  expect(admission_ != Admission::draining || waiting_.count(just_submitted_) == 0 || stopping_,
         "(1c) a request is let in while the pool drains", just_submitted_);
  if (stopping_) return;
  expect(staying() - ending() <=
             size_ + options_.overflow + options_.replace_parallel_max + (roll_ever_ ? 1 : 0),
         "(1) more workers than size + overflow");
  if (leaving() >= options_.replace_parallel_max || healthy() <= size_) return;
  for (const Worker& worker : workers_) {
    expect(!worker.id || !worker.serving || worker.withdrawn || !must_leave(worker),
           "(1a) a worker that is to go and is not needed stays", worker.id.serial);
  }
}

}  // namespace ordeal::trial
