#include "pool/runtime/session_numbers.hpp"

#include "pool/core/affinity.hpp"

namespace ordeal::pool::runtime {

std::uint32_t SessionNumbers::number_of(std::string_view name) {
  if (last_ < names_.size() && names_[last_] != nullptr && *names_[last_] == name) return last_;
  if (const auto found = numbers_.find(name); found != numbers_.end()) {
    return last_ = found->second;
  }
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(names_.size()));
    names_.push_back(nullptr);
  }
  const auto [made, fresh] = numbers_.emplace(name, free_.back());
  free_.pop_back();
  names_[made->second] = &made->first;
  return made->second;
}

std::uint32_t SessionNumbers::find(std::string_view name) const {
  const auto found = numbers_.find(name);
  return found == numbers_.end() ? core::no_session : found->second;
}

std::string_view SessionNumbers::name_of(std::uint32_t number) const {
  if (number >= names_.size() || names_[number] == nullptr) return {};
  return *names_[number];
}

void SessionNumbers::forget(std::uint32_t number) {
  if (name_of(number).empty()) return;
  numbers_.erase(numbers_.find(*names_[number]));
  names_[number] = nullptr;
  free_.push_back(number);
}

}  // namespace ordeal::pool::runtime
