#include "testing/isolation/registry.hpp"

#include <algorithm>
#include <atomic>

namespace ordeal::trial {
namespace {

std::atomic<Registry*>& innermost() {
  static Registry of_the_program;
  static std::atomic<Registry*> current{&of_the_program};
  return current;
}

}  // namespace

Registry& Registry::current() { return *innermost().load(); }

Registry::~Registry() {
  while (!entries_.empty()) entries_.pop_back();
}

bool Registry::enter_any(const std::string& name, std::shared_ptr<void> thing,
                         std::type_index type) {
  const std::lock_guard lock{mutex_};
  const auto has_name = [&](const Entry& entry) { return entry.name == name; };
  if (std::any_of(entries_.begin(), entries_.end(), has_name)) return false;
  entries_.push_back({name, std::move(thing), type});
  return true;
}

std::shared_ptr<void> Registry::find_any(const std::string& name, std::type_index type) const {
  const std::lock_guard lock{mutex_};
  for (const Entry& entry : entries_) {
    if (entry.name == name && entry.type == type) return entry.thing;
  }
  return nullptr;
}

std::vector<std::string> Registry::names() const {
  const std::lock_guard lock{mutex_};
  std::vector<std::string> all;
  for (const Entry& entry : entries_) all.push_back(entry.name);
  return all;
}

OwnRegistry::OwnRegistry() : before_(innermost().exchange(&own_)) {}
OwnRegistry::~OwnRegistry() { innermost() = before_; }

}  // namespace ordeal::trial
