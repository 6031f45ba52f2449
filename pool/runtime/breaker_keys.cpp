#include "pool/runtime/breaker_keys.hpp"

namespace ordeal::pool::runtime {

core::CircuitId BreakerKeys::settle(std::uint32_t index, std::string_view key) {
  if (index == table_.size()) table_.emplace_back();
  Place& place = table_[index];
  if (place.serial != 0) places_.erase(place.key);
  place = Place{.key = std::string{key}, .serial = ++last_serial_, .used_lately = true};
  places_.emplace(place.key, index);
  return {index, place.serial};
}

const std::string& BreakerKeys::name(core::CircuitId id) const {
  static const std::string unknown;
  if (id.index >= table_.size() || table_[id.index].serial != id.serial) return unknown;
  return table_[id.index].key;
}

}  // namespace ordeal::pool::runtime
