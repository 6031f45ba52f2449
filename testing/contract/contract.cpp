#include "testing/contract/scenarios.hpp"

namespace ordeal::trial {

const std::vector<Scenario>& contract() {
  static const std::vector<Scenario> all = [] {
    std::vector<Scenario> every;
    for (const auto family :
         {call_scenarios, time_scenarios, death_scenarios, stream_scenarios, retry_scenarios,
          breaker_scenarios, session_scenarios, end_scenarios}) {
      for (Scenario& scenario : family()) every.push_back(std::move(scenario));
    }
    return every;
  }();
  return all;
}

}  // namespace ordeal::trial
