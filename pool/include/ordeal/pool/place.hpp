// A line of a caller's source. As std::source_location, which clang 14 does not have, and of one
// layout whichever compiler a caller uses: it is part of the shared libraries' interface.
#pragma once

#include <cstdint>

namespace ordeal::pool {

struct Place {
  const char* file = "";   // lives as long as the program
  std::uint32_t line = 0;  // 0: of no caller

  // As a default argument: where the function that has it is called.
  [[nodiscard]] static constexpr Place here(const char* file = __builtin_FILE(),
                                            std::uint32_t line = __builtin_LINE()) noexcept {
    return {file, line};
  }
};

}  // namespace ordeal::pool
