// The suites' files as built into the program (perf/suites/CMakeLists.txt).
#pragma once

#include <span>
#include <string_view>

namespace ordeal::perf {

struct EmbeddedSuite {
  std::string_view name;
  std::string_view text;
};
[[nodiscard]] std::span<const EmbeddedSuite> embedded_suites();

}  // namespace ordeal::perf
