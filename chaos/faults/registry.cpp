#include "chaos/faults/registry.hpp"

namespace ordeal::chaos {

const FaultKind* Registry::find(std::string_view name) const {
  for (const FaultKind& kind : kinds_) {
    if (kind.name == name) return &kind;
  }
  return nullptr;
}

std::string Registry::names() const {
  std::string text;
  for (const FaultKind& kind : kinds_) {
    if (!text.empty()) text += ", ";
    text += kind.name;
  }
  return text;
}

Registry all_faults() {
  std::vector<FaultKind> kinds;
  add_kills(kinds);
  add_freezes(kinds);
  add_worker_limits(kinds);
  add_system_calls(kinds);
  add_host_limits(kinds);
  add_burners(kinds);
  add_cgroups(kinds);
  add_stalls(kinds);
  add_wire_faults(kinds);
  add_behaviours(kinds);
  add_orphans(kinds);
  add_starts(kinds);
  add_store_faults(kinds);
  add_host_itself(kinds);
  add_model_faults(kinds);
  return Registry{std::move(kinds)};
}

}  // namespace ordeal::chaos
