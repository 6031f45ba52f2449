// What each fault of a run cost, in figures.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "chaos/experiment/run.hpp"

namespace ordeal::chaos {

// Times count from the injection. Empty: it did not come to that.
struct StrikeAccount {
  std::optional<double> noticed_ms;   // the pool took its worker from service
  std::optional<double> first_ok_ms;  // a call that began later ended ok
  std::optional<double> whole_ms;     // full capacity again
  std::uint64_t lost = 0;             // calls beside it that failed, or may have
  std::uint64_t repeated = 0;         // calls beside it that a worker got more than once
};

// By strike. A call beside several faults counts for each.
[[nodiscard]] std::vector<StrikeAccount> account_of(const RunResult& result);

}  // namespace ordeal::chaos
