// The families of the contract; scenario.hpp says what a scenario is.
#pragma once

#include <vector>

#include "testing/contract/scenario.hpp"

namespace ordeal::trial {

[[nodiscard]] std::vector<Scenario> call_scenarios();    // calls, errors, order, the queue
[[nodiscard]] std::vector<Scenario> time_scenarios();    // deadlines and cancels
[[nodiscard]] std::vector<Scenario> death_scenarios();   // workers that die
[[nodiscard]] std::vector<Scenario> stream_scenarios();  // workers that break the protocol
[[nodiscard]] std::vector<Scenario> retry_scenarios();   // retries, poison
[[nodiscard]] std::vector<Scenario> breaker_scenarios();
[[nodiscard]] std::vector<Scenario> session_scenarios();  // affinity
[[nodiscard]] std::vector<Scenario> end_scenarios();      // starts that fail, stops

}  // namespace ordeal::trial
