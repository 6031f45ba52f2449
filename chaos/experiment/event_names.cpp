#include "chaos/experiment/event_names.hpp"

#include <algorithm>
#include <vector>

#include "ordeal/pool/events.hpp"
#include "ordeal/pool/reporter.hpp"
#include "pool/core/names.hpp"

namespace ordeal::chaos {
namespace {

const std::vector<std::string>& all_names() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> names;
    for (const std::string_view name : pool::core::Names<pool::core::Occurrence>::all) {
      names.emplace_back(name);
    }
    // The runtime's own.
    for (const std::string_view name : pool::event_names::all) names.emplace_back(name);
    for (std::size_t kind = 0; kind < pool::alert_kind_count; ++kind) {
      const std::string name{to_string(static_cast<pool::AlertKind>(kind))};
      names.push_back("alert_" + name);
      names.push_back("alert_" + name + "_recovered");
    }
    return names;
  }();
  return all;
}

}  // namespace

bool is_event_name(std::string_view name) {
  return std::find(all_names().begin(), all_names().end(), name) != all_names().end();
}

std::string event_names() {
  std::string text;
  for (const std::string& name : all_names()) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace ordeal::chaos
