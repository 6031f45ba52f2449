// The dense numbers by which the core knows sessions, and their names.
//
// Invariant: a name has a number from its first request on until the core says ForgetSession; a
// number has one name. Guarded by the engine's lock. Allocates nothing for a name that has a
// number.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace ordeal::pool::runtime {

class SessionNumbers {
 public:
  [[nodiscard]] std::uint32_t number_of(std::string_view name);
  // core::no_session if it has none.
  [[nodiscard]] std::uint32_t find(std::string_view name) const;
  // Empty if no name has that number.
  [[nodiscard]] std::string_view name_of(std::uint32_t number) const;
  void forget(std::uint32_t number);

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>> numbers_;
  std::vector<const std::string*> names_;  // keys of numbers_; nullptr: free
  std::vector<std::uint32_t> free_;
  std::uint32_t last_ = 0;  // that was asked for: often the next, too
};

}  // namespace ordeal::pool::runtime
