// What decides a simulation besides its seed, by name: so that a run can be repeated from one line,
// and a failing one be made smaller.
//
//     ordeal-sim run --seeds 42 --set "size=1 clients=2 late=0"
//
// Durations are in nanoseconds. To add an option of SimulationOptions: its row in knobs.cpp; what
// is not there is as the swarm draws it, and is not shrunk.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "testing/sim/simulation.hpp"

namespace ordeal::trial {

struct Knob {
  // How the shrinker treats it.
  enum class Kind : std::uint8_t {
    rate,     // parts of 1000: dropped, else halved
    flag,     // 0 or 1: put off
    time,     // shortened, snapped
    workers,  // as few as `least`
    load,     // as little as `least`
    fixed,    // only named
  };
  std::string_view name;
  Kind kind{};
  std::uint64_t least = 0;
  std::uint64_t (*get)(const SimulationOptions&);
  void (*set)(SimulationOptions&, std::uint64_t);
};

[[nodiscard]] std::span<const Knob> knobs();

// The knobs that differ, as "name=value name=value"; of a seed's own options: from the swarm's.
[[nodiscard]] std::string difference(const SimulationOptions& from, const SimulationOptions& to);
// Sets what such a text says. What is wrong with it, or nothing.
[[nodiscard]] std::string set_knobs(SimulationOptions& options, std::string_view text);

}  // namespace ordeal::trial
