#include "chaos/experiment/simulated_keys.hpp"

#include <algorithm>
#include <array>

namespace ordeal::chaos {
namespace {

using L = SimulatedLoad;

#define MEMBER(path) \
  [](L & load) -> auto& { return load.path; }

constexpr std::array rates{
    SimulatedRate{"cancel_parts", false, MEMBER(cancel_parts)},
    SimulatedRate{"lease_parts", false, MEMBER(lease_parts)},
    SimulatedRate{"session_parts", false, MEMBER(session_parts)},
    SimulatedRate{"strict_parts", false, MEMBER(strict_parts)},
    SimulatedRate{"stateful_parts", false, MEMBER(stateful_parts)},
    SimulatedRate{"session_end_parts", false, MEMBER(session_end_parts)},
    SimulatedRate{"order_parts", false, MEMBER(order_parts)},
    SimulatedRate{"operation_parts", false, MEMBER(operation_parts)},
    SimulatedRate{"race_parts", false, MEMBER(race_parts)},
    SimulatedRate{"extreme_parts", false, MEMBER(extreme_parts)},
    SimulatedRate{"error_parts", false, MEMBER(rates.application_error)},
    SimulatedRate{"callers_fault_parts", false, MEMBER(rates.callers_fault)},
    SimulatedRate{"report_parts", true, MEMBER(rates.reports)},  // hangs, and says it gets on
    SimulatedRate{"spawn_fails_parts", true, MEMBER(rates.spawn_fails)},
    SimulatedRate{"start_exits_parts", true, MEMBER(rates.start_exits)},
    SimulatedRate{"start_faults_parts", true, MEMBER(rates.start_faults)},
    SimulatedRate{"start_hangs_parts", true, MEMBER(rates.start_hangs)},
    SimulatedRate{"stubborn_parts", true, MEMBER(rates.stubborn)},
    SimulatedRate{"dies_idle_parts", true, MEMBER(rates.dies_idle)},
    SimulatedRate{"dies_busy_parts", true, MEMBER(rates.dies_busy)},
    SimulatedRate{"closes_stream_parts", true, MEMBER(rates.closes_stream)},
    SimulatedRate{"hangs_parts", true, MEMBER(rates.hangs)},
    SimulatedRate{"late_parts", true, MEMBER(rates.late)},
    SimulatedRate{"violates_parts", true, MEMBER(rates.violates)},
    SimulatedRate{"stray_parts", true, MEMBER(rates.stray)},
    SimulatedRate{"unusable_parts", true, MEMBER(rates.unusable)},
    SimulatedRate{"partial_parts", true, MEMBER(rates.partial)},
    SimulatedRate{"locks_parts", true, MEMBER(rates.locks)},
    SimulatedRate{"hangs_idle_parts", true, MEMBER(rates.hangs_idle)},
    SimulatedRate{"slow_ping_parts", true, MEMBER(rates.slow_ping)},
    SimulatedRate{"ping_errors_parts", true, MEMBER(rates.ping_errors)},
};

constexpr std::array flags{
    SimulatedFlag{"stop_under_load", MEMBER(stop_under_load)},
    SimulatedFlag{"stop_again", MEMBER(stop_again)},
    SimulatedFlag{"bad_programs", MEMBER(bad_programs)},
    SimulatedFlag{"look_closely", MEMBER(look_closely)},
    SimulatedFlag{"run_twice", MEMBER(run_twice)},
};
#undef MEMBER

}  // namespace

std::span<const SimulatedRate> simulated_rates() { return rates; }
std::span<const SimulatedFlag> simulated_flags() { return flags; }

std::size_t count_faults(const Plan& plan) {
  const auto on = std::count_if(rates.begin(), rates.end(), [&plan](const SimulatedRate& rate) {
    return rate.is_fault && rate.get(plan.simulated) > 0;
  });
  return plan.faults.size() + static_cast<std::size_t>(on);
}

}  // namespace ordeal::chaos
