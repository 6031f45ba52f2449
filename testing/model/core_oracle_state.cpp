// Where the pool stands, for the histogram (model_state.hpp): from the oracle's own book.
#include <algorithm>

#include "testing/model/core_oracle.hpp"

namespace ordeal::trial {
namespace {

using pool::CircuitState;

std::uint32_t none_one_many(std::size_t n) {
  return static_cast<std::uint32_t>(std::min<std::size_t>(n, 2));
}

// The worst counts: half-open, open, by hand, closed.
std::uint32_t rank_of(CircuitState state) {
  switch (state) {
    case CircuitState::closed:
      return 0;
    case CircuitState::open:
      return 1;
    case CircuitState::half_open:
      return 2;
    case CircuitState::forced_open:
    case CircuitState::disabled:
    case CircuitState::observe:
      return 3;
  }
  return 0;
}

}  // namespace

ModelState CoreOracle::state(bool start_circuit_open) const {
  ModelState state = 0;
  std::uint32_t shift = 0;
  const auto put = [&](std::uint32_t value, std::uint32_t bits) {
    state |= value << shift;
    shift += bits;
  };
  bool owing = false;
  std::uint32_t health = 0;
  for (const Worker& worker : workers_) {
    if (!worker.id || worker.exited) continue;
    for (const Use use : worker.slots) owing |= use == Use::dirty;
    if (worker.serving) health = std::max(health, worker.unhealthy ? 2U : worker.probed ? 1U : 0U);
  }
  std::uint32_t breaker = 0;
  for (const KnownCircuit& circuit : circuits_) {
    if (!circuit.naive) continue;
    const std::uint32_t rank = rank_of(circuit.naive->state());
    if (breaker == 0 || rank == 2) breaker = rank;
  }
  const bool full = waiting_.size() > 1 && waiting_.size() >= options_.queue_max;
  put(full ? 3 : none_one_many(waiting_.size()), 2);
  put(none_one_many(starting_), 2);
  put(none_one_many(serving_), 2);
  put(none_one_many(running_), 2);
  put(pausing_.empty() ? 0 : 1, 1);
  put(ended_.empty() ? 0 : 1, 1);
  put(withdrawn_ > 0 ? 1 : 0, 1);
  put(unwanted_ > 0 ? 1 : 0, 1);
  put(owing ? 1 : 0, 1);
  put(health, 2);
  put(static_cast<std::uint32_t>(admission_), 2);
  put(roll_to_ != 0 ? 1 : 0, 1);
  put(start_circuit_open ? 1 : 0, 1);
  put(breaker, 2);
  put(stopped_ ? 2 : stopping_ ? 1 : 0, 2);
  return state;
}

}  // namespace ordeal::trial
