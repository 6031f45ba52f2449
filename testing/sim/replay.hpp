// Feeds a trace's events to a fresh core and compares its actions with the trace's, byte for byte.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ordeal::trial {

struct ReplayResult {
  bool same = false;
  std::uint64_t events = 0;
  std::uint64_t actions = 0;
  std::uint64_t line = 0;  // of the first difference, or of what cannot be read; 0: none
  std::string difference;  // "line 12: the trace says <...>, the core says <...>"
};

// Never throws; a text that is no trace, or was cut off, is a difference.
[[nodiscard]] ReplayResult replay(std::string_view trace);

}  // namespace ordeal::trial
