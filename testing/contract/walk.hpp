// Any scenario: drawn choices, made into a scenario by a pure model of a pool, which knows what
// must come of it. So the contract is not only what somebody has thought of.
//
//     const Scenario scenario = scenario_of(draw_walk(seed), {.size = 2});
//     const Report report = run_scenario(scenario, make_world);
//
// The model keeps who waits, who is in a worker's hand, and who owes a late reply; each choice is
// what a client, a worker or the operator may do next, and what there is nothing to do for is
// passed over: so any list of choices is a scenario, also one from which some were taken away
// (shrink_walk). Each step waits for its event; so the order of all that happens is known.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "testing/contract/scenario.hpp"

namespace ordeal::trial {

struct Choice {
  std::uint32_t what = 0;
  std::uint32_t who = 0;
  std::uint32_t how = 0;
};
using Walk = std::vector<Choice>;

struct WalkSetup {
  std::uint32_t size = 2;
  std::uint32_t queue_max = 3;   // at least `size`: who comes while a worker starts waits
  bool faults_of_stream = true;  // the workers speak packet4
  bool cancels = true;
  bool deadlines = false;  // costs their time: for virtual time
};

[[nodiscard]] Walk draw_walk(std::uint64_t seed, std::size_t length = 40);
[[nodiscard]] Scenario scenario_of(const Walk& walk, const WalkSetup& setup);

// The least part of a walk that still fails: pieces are taken away, then single choices.
[[nodiscard]] Walk shrink_walk(Walk walk, const std::function<bool(const Walk&)>& fails,
                               std::uint32_t tries_max = 100);
// "0.3.1 8.0.0": for the line that repeats a failure.
[[nodiscard]] std::string to_text(const Walk& walk);
[[nodiscard]] Walk walk_of(const std::string& text);

}  // namespace ordeal::trial
