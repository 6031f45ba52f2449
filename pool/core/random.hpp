// The core's only source of randomness: seeded, the same on every compiler and machine.
//
// xoshiro256** (Blackman, Vigna: public domain), its state filled by splitmix64. Bounded draws are
// our own, since std::*_distribution differs between standard libraries. Make one draw a
// statement: C++ does not say in which order two calls in one expression run.
// Not thread-safe; a value.
#pragma once

#include <array>
#include <cstdint>

namespace ordeal::pool::core {

class Random {
 public:
  explicit Random(std::uint64_t seed);

  [[nodiscard]] std::uint64_t next();
  // Evenly from [0, bound). REQUIRES: bound > 0.
  [[nodiscard]] std::uint64_t below(std::uint64_t bound);
  // Evenly from [low, high], both ends included. REQUIRES: low <= high.
  [[nodiscard]] std::int64_t between(std::int64_t low, std::int64_t high);
  // True in `parts` of `whole` draws. REQUIRES: whole > 0.
  [[nodiscard]] bool chance(std::uint64_t parts, std::uint64_t whole);

 private:
  std::array<std::uint64_t, 4> state_{};
};

}  // namespace ordeal::pool::core
