// All faults there are. A test walks it: what it lists has a proof that cannot be faked.
#pragma once

#include <string_view>
#include <vector>

#include "chaos/faults/fault.hpp"

namespace ordeal::chaos {

class Registry {
 public:
  Registry() = default;
  explicit Registry(std::vector<FaultKind> kinds) : kinds_(std::move(kinds)) {}
  [[nodiscard]] const std::vector<FaultKind>& kinds() const { return kinds_; }
  [[nodiscard]] std::vector<FaultKind>& kinds() { return kinds_; }
  // Stays valid as long as the registry; null if there is none of that name.
  [[nodiscard]] const FaultKind* find(std::string_view name) const;
  [[nodiscard]] std::string names() const;  // "kill_worker, freeze_worker, ..."

 private:
  std::vector<FaultKind> kinds_;
};

[[nodiscard]] Registry all_faults();

// By file in faults/kinds/.
void add_kills(std::vector<FaultKind>& kinds);
void add_freezes(std::vector<FaultKind>& kinds);
void add_worker_limits(std::vector<FaultKind>& kinds);
void add_host_itself(std::vector<FaultKind>& kinds);
void add_host_limits(std::vector<FaultKind>& kinds);
void add_burners(std::vector<FaultKind>& kinds);
void add_cgroups(std::vector<FaultKind>& kinds);
void add_model_faults(std::vector<FaultKind>& kinds);
void add_orphans(std::vector<FaultKind>& kinds);
void add_stalls(std::vector<FaultKind>& kinds);
void add_wire_faults(std::vector<FaultKind>& kinds);
void add_behaviours(std::vector<FaultKind>& kinds);
void add_starts(std::vector<FaultKind>& kinds);
void add_store_faults(std::vector<FaultKind>& kinds);
void add_system_calls(std::vector<FaultKind>& kinds);

}  // namespace ordeal::chaos
