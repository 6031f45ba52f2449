// Keys of circuit breakers as the core knows them: each key that is in use has a place (CircuitId).
//
// There are `circuits_max` places, whatever keys callers come up with. A new key takes a free one,
// or that of a key whose circuit is idle, preferably one that was not used lately (second chance).
// If there is none within a few looks the key gets no circuit: it is not guarded, and counted.
//
// A known key is found without allocation. Not thread-safe: used under the engine's lock.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "pool/core/ids.hpp"

namespace ordeal::pool::runtime {

class BreakerKeys {
 public:
  explicit BreakerKeys(std::uint32_t circuits_max) : circuits_max_(circuits_max) {}

  // serial 0: there is no place for it. `is_idle`: whether the circuit of that index may go.
  template <typename IsIdle>
  core::CircuitId of(std::string_view key, IsIdle is_idle) {
    // Mostly it is the one before: then nothing is hashed.
    if (last_ < table_.size() && table_[last_].serial != 0 && table_[last_].key == key) {
      return use(last_);
    }
    if (const auto known = places_.find(key); known != places_.end()) return use(known->second);
    const std::uint32_t index = find_place(is_idle);
    if (index == no_place) {
      ++unguarded_;
      return {};
    }
    return settle(index, key);
  }

  // Of a circuit that the core has named; empty if its place has gone to another key.
  [[nodiscard]] const std::string& name(core::CircuitId id) const;
  [[nodiscard]] std::uint64_t unguarded() const { return unguarded_; }

 private:
  struct Place {
    std::string key;
    std::uint64_t serial = 0;
    bool used_lately = false;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const {
      return std::hash<std::string_view>{}(key);
    }
  };
  static constexpr std::uint32_t no_place = UINT32_MAX;
  static constexpr std::uint32_t looks_max = 64;

  core::CircuitId use(std::uint32_t index) {
    last_ = index;
    table_[index].used_lately = true;
    return {index, table_[index].serial};
  }
  template <typename IsIdle>
  std::uint32_t find_place(IsIdle is_idle) {
    if (table_.size() < circuits_max_) return static_cast<std::uint32_t>(table_.size());
    for (std::uint32_t look = 0; look < looks_max; ++look) {
      const std::uint32_t index = hand_;
      hand_ = hand_ + 1 < table_.size() ? hand_ + 1 : 0;
      if (std::exchange(table_[index].used_lately, false)) continue;
      if (is_idle(index)) return index;
    }
    return no_place;
  }
  core::CircuitId settle(std::uint32_t index, std::string_view key);

  std::uint32_t circuits_max_;
  std::vector<Place> table_;
  std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>> places_;
  std::uint32_t last_ = 0;  // that was used
  std::uint32_t hand_ = 0;  // where the next look for an idle place begins
  std::uint64_t last_serial_ = 0;
  std::uint64_t unguarded_ = 0;
};

}  // namespace ordeal::pool::runtime
