#include "pool/core/breakers.hpp"

#include "pool/core/assert.hpp"
#include "pool/core/random.hpp"

namespace ordeal::pool::core {

Breakers::Record& Breakers::of(CircuitId id) {
  while (id.index >= records_.size()) {
    records_.push_back({.id = {}, .circuit = Circuit{options_, 0}});
  }
  Record& record = records_[id.index];
  if (record.id == id) return record;
  ORDEAL_ASSERT(id.serial > record.id.serial && record.users == 0,
                "a circuit's place goes to a newer key, and only while nobody uses it");
  ORDEAL_ASSERT(!record.half_open, "only an idle circuit is forgotten");
  record = Record{.id = id, .circuit = Circuit{options_, Random(seed_ + id.serial).next()}};
  return record;
}

bool Breakers::idle(std::uint32_t index, Instant now) const {
  if (index >= records_.size()) return true;
  const Record& record = records_[index];
  if (record.users > 0) return false;
  const CircuitState state = record.circuit.state();
  return state == CircuitState::closed ||
         (state == CircuitState::open && record.circuit.time_until_retry(now) == Duration::zero());
}

}  // namespace ordeal::pool::core
