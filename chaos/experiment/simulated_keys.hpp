// The table [simulation] as data: what reads, writes, draws and shrinks it goes by this list.
//
// To add a key: a member of SimulatedLoad or trial::FaultRates, a row in simulated_keys.cpp, and
// what it does in to_simulation() (simulated/simulated.cpp), unless it is one of the fault rates.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "chaos/experiment/plan.hpp"

namespace ordeal::chaos {

// Parts of 1000 of the requests, starts or pings.
struct SimulatedRate {
  std::string_view key;
  bool is_fault;  // something goes wrong in the world; else it is a load that a pool must bear
  std::uint32_t& (*of)(SimulatedLoad&);

  [[nodiscard]] std::uint32_t get(const SimulatedLoad& load) const {
    SimulatedLoad copy = load;
    return of(copy);
  }
};
struct SimulatedFlag {
  std::string_view key;
  bool& (*of)(SimulatedLoad&);
};

[[nodiscard]] std::span<const SimulatedRate> simulated_rates();
[[nodiscard]] std::span<const SimulatedFlag> simulated_flags();

// What goes wrong in a plan: its faults, and the rates that are faults.
[[nodiscard]] std::size_t count_faults(const Plan& plan);

}  // namespace ordeal::chaos
